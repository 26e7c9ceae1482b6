r"""Single units: each channel of a layer segments on its own, all at once.

For one channel the nearest of two prototypes is a threshold at their midpoint,
:math:`s F > s t` with :math:`t = (c_t + c_b) / 2` and :math:`s = sign(c_t - c_b)`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segscope.features.interpolation import upsample
from segscope.features.prototypes import Prototypes, prototypes, widen

_CHUNK_VALUES = 2**20
"""Values of upsampled features at a time: 4 MiB in float32."""


@dataclass(frozen=True)
class MapCounts:
    """How a layer's map agrees with references.

    Args:
        size: ``(N, K)`` voxels of the map, per class but the background.
        overlap: ``(N, K, R)`` of these that lie in each reference's class.
    """

    size: Tensor
    overlap: Tensor


@dataclass(frozen=True)
class UnitCounts:
    """How units' maps agree with references, and the average map.

    Args:
        size: ``(N, C, K)`` voxels of each unit's map, per class but the background.
        overlap: ``(N, C, K, R)`` of these that lie in each reference's class.
        mean_map: ``(N, K, *S)`` share of units whose map holds the voxel.
    """

    size: Tensor
    overlap: Tensor
    mean_map: Tensor


def unit_counts(
    features: Tensor,
    guide: Tensor,
    references: Sequence[Tensor],
    *,
    tissue: Tensor | None = None,
) -> UnitCounts:
    """Segment with every channel alone and count agreement with label maps.

    Channels are upsampled a few at a time, so memory stays bounded. A unit that does not tell the
    classes apart (a constant one, or an empty or full guide) has an empty map.

    Args:
        features: ``(N, C, *s)``.
        guide: As of `segmentation_ability_map`.
        references: Each ``(N, 1, *S)`` label indices.
        tissue: ``(N, 1, *S)``; voxels of 0 count nowhere.

    Raises:
        ValueError: Shapes that do not fit together; features that are not finite.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0], [3.0, 3.0, 3.0, 3.0]]])
        >>> truth = torch.tensor([[[0, 0, 0, 1]]])
        >>> found = unit_counts(f, truth.float(), [truth])
        >>> found.size.flatten().tolist(), found.overlap.flatten().tolist()
        ([2.0, 0.0], [1.0, 0.0])
    """
    with torch.autocast(features.device.type, enabled=False):  # half precision does not count
        return _unit_counts(features, guide, references, tissue)


def _unit_counts(
    features: Tensor, guide: Tensor, references: Sequence[Tensor], tissue: Tensor | None
) -> UnitCounts:
    size = tuple(guide.shape[2:])
    classes = max(2, guide.shape[1]) - 1
    found = prototypes(features, guide, tissue=tissue)
    valid = None if tissue is None else tissue.flatten(1) > 0
    columns = _columns(references, classes, valid)
    n, channels = features.shape[:2]
    voxels = math.prod(size)
    counts = torch.zeros(n, channels, classes, len(references) + 1, dtype=torch.float64)
    total = torch.zeros(n, classes, voxels, device=features.device)
    step = max(1, _CHUNK_VALUES // voxels)
    for sample in range(n):
        for first in range(0, channels, step):
            part = slice(first, first + step)
            fine = upsample(widen(features[sample : sample + 1, part]), size)[0].flatten(1)
            for k, hit in enumerate(_maps(fine, found, sample, part)):
                inside = hit.to(torch.float32)
                counts[sample, part, k] = _count(inside, columns[sample, k]).cpu()
                total[sample, k] += inside.sum(0)
    if valid is not None:
        total *= valid[:, None]
    return UnitCounts(counts[..., 0], counts[..., 1:], (total / channels).unflatten(2, size))


def map_counts(
    probabilities: Tensor, references: Sequence[Tensor], *, tissue: Tensor | None = None
) -> MapCounts:
    """Count how a map agrees with label maps.

    Args:
        probabilities: Of `segmentation_ability_map` or of a network, ``(N, 1 or K, *S)``.
        references: Each ``(N, 1, *S)`` label indices.
        tissue: ``(N, 1, *S)``; voxels of 0 count nowhere.

    Example:
        >>> found = map_counts(torch.tensor([[[0.1, 0.9, 0.8]]]), [torch.tensor([[[0, 1, 0]]])])
        >>> found.size.item(), found.overlap.item()
        (2.0, 1.0)
    """
    labels = to_labels(probabilities).flatten(1)
    classes = max(2, probabilities.shape[1]) - 1
    valid = None if tissue is None else tissue.flatten(1) > 0
    columns = _columns(references, classes, valid)
    counts = torch.zeros(len(labels), classes, len(references) + 1, dtype=torch.float64)
    for sample, label in enumerate(labels):
        for k in range(classes):
            inside = (label == k + 1).to(torch.float32)[None]
            with torch.autocast(inside.device.type, enabled=False):
                counts[sample, k] = _count(inside, columns[sample, k])[0].cpu()
    return MapCounts(counts[..., 0], counts[..., 1:])


def to_labels(probabilities: Tensor) -> Tensor:
    """Take the likeliest class: ``(N, 1 or K, *S)`` to label indices ``(N, 1, *S)``.

    Example:
        >>> to_labels(torch.tensor([[[0.5, 0.6]]])).tolist()
        [[[0, 1]]]
    """
    if probabilities.shape[1] == 1:
        return (probabilities > 0.5).long()
    return probabilities.argmax(1, keepdim=True)


def _columns(references: Sequence[Tensor], classes: int, valid: Tensor | None) -> Tensor:
    """What maps are multiplied with to be counted: ``(N, K, voxels, 1 + R)``."""
    labels = torch.stack([reference.flatten(1) for reference in references], -1)
    wanted = torch.arange(1, classes + 1, device=labels.device).view(1, -1, 1, 1)
    inside = labels[:, None] == wanted
    everywhere = torch.ones_like(inside[..., :1])
    columns = torch.cat([everywhere, inside], -1)
    if valid is not None:
        columns = columns & valid[:, None, :, None]
    return columns.to(torch.float32)


def _maps(fine: Tensor, found: Prototypes, sample: int, part: slice) -> list[Tensor]:
    """Boolean maps ``(channels, voxels)``, one per class but the background."""
    centres = found.centres[sample, :, part]
    members = found.members[sample]
    if members.sum() < 2:
        return [torch.zeros_like(fine, dtype=torch.bool)] * (len(centres) - 1)
    if len(centres) == 2:
        way = (centres[1] - centres[0]).sign()[:, None]
        return [fine * way > way * centres.mean(0)[:, None]]
    # the nearest of several numbers; ties go to the first, so equal prototypes are background
    nearest = torch.full_like(fine, torch.inf)
    label = torch.zeros_like(fine, dtype=torch.long)
    for k in range(len(centres)):
        if members[k]:
            distance = (fine - centres[k][:, None]).abs()
            closer = distance < nearest
            nearest = torch.where(closer, distance, nearest)
            label[closer] = k
    return [label == k for k in range(1, len(centres))]


def _count(inside: Tensor, columns: Tensor) -> Tensor:
    """Sums of products in float32, which counts exactly below 2**24 per piece."""
    pieces = zip(inside.split(2**23, 1), columns.split(2**23, 0), strict=True)
    return sum((a @ b).double() for a, b in pieces)
