r"""Single units: each channel of a layer segments on its own, all at once.

For one channel the nearest of two prototypes is a threshold at their midpoint,
:math:`s F > s t` with :math:`t = (c_t + c_b) / 2` and :math:`s = sign(c_t - c_b)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segscope.features.prototypes import check_shapes
from segscope.features.votes import Votes, to_labels
from segscope.features.yardstick import Yardstick


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
    check_shapes(features, guide, tissue)
    sizes, overlaps, maps = [], [], []
    for n in range(len(features)):
        one = slice(n, n + 1)
        own = None if tissue is None else tissue[one]
        rule = Yardstick([guide[one]], [r[one] for r in references], tissue=own)
        counts, mean_map = rule.units(features[one])
        sizes.append(counts[..., 0])
        overlaps.append(counts[..., 1:])
        maps.append(mean_map)
    return UnitCounts(torch.cat(sizes), torch.cat(overlaps), torch.cat(maps))


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
    classes = max(2, probabilities.shape[1])
    labels = to_labels(probabilities).flatten(2)
    counts = []
    for n, label in enumerate(labels):
        one = slice(n, n + 1)
        own = None if tissue is None else tissue[one]
        votes = Votes([reference[one] for reference in references], classes, own)
        counts.append(votes.of_object(label > 0) if classes == 2 else votes.of_labels(label))
    found = torch.cat(counts)
    return MapCounts(found[..., 0], found[..., 1:])
