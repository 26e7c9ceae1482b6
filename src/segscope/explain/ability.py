"""Segmentation ability: how well a layer, or a single unit, could segment on its own.

He et al., "Segmentation Ability Map", section 3.2: the SA score is the Dice of a layer's map with
the truth (eq. 8), and mu the mean over the units of the last two layers of the Dice with the
network's own output (eq. 12), which needs no truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segscope.features import map_counts, segmentation_ability_map, to_labels, unit_counts


@dataclass(frozen=True)
class Ability:
    """Scores of maps against one reference, of any common shape, last axis the classes 1, 2, ...

    Both masks empty is undefined (``nan``), one empty is 0, as in `segscope.metrics`.
    """

    dice: Tensor
    iou: Tensor
    accuracy: Tensor
    sensitivity: Tensor
    specificity: Tensor


def layer_ability(
    features: Tensor, guide: Tensor, truth: Tensor, *, tissue: Tensor | None = None
) -> Ability:
    """Score the map of a whole layer (eq. 8).

    Args:
        features: ``(N, C, *s)``.
        guide: The network's probabilities, ``(N, 1, *S)`` or ``(N, K, *S)``, background first.
        truth: ``(N, 1, *S)`` label indices.
        tissue: ``(N, 1, *S)``; voxels of 0 count nowhere.

    Returns:
        Scores ``(N, classes)``.

    Raises:
        ValueError: Shapes that do not fit together; features that are not finite.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0]]])
        >>> truth = torch.tensor([[[0, 0, 0, 1]]])
        >>> layer_ability(f, truth.float(), truth).dice.item()
        0.6666666666666666
    """
    _check_truth(truth, guide)
    found = map_counts(
        segmentation_ability_map(features, guide, tissue=tissue), [truth], tissue=tissue
    )
    return ability_from_counts(
        found.size, found.overlap[..., 0], *reference_sizes(truth, guide, tissue)
    )


def unit_ability(
    features: Tensor, guide: Tensor, truth: Tensor, *, tissue: Tensor | None = None
) -> Ability:
    """Score the map of every unit of a layer alone; arguments and errors as of `layer_ability`.

    Returns:
        Scores ``(N, C, classes)``.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0], [0.0, 0.0, 0.0, 1.0]]])
        >>> truth = torch.tensor([[[0, 0, 0, 1]]])
        >>> unit_ability(f, truth.float(), truth).dice.flatten().tolist()
        [0.6666666666666666, 1.0]
    """
    _check_truth(truth, guide)
    found = unit_counts(features, guide, [truth], tissue=tissue)
    sizes, total = reference_sizes(truth, guide, tissue)
    return ability_from_counts(found.size, found.overlap[..., 0], sizes[:, None], total[:, None])


def mean_ability(
    layers: Sequence[Tensor], guide: Tensor, *, tissue: Tensor | None = None
) -> Tensor:
    """Mean over the units of some layers of the Dice with the network's own output (mu, eq. 12).

    Args:
        layers: Features of the layers, the paper's are the last two.
        guide: The network's probabilities; its output is their likeliest class.
        tissue: As of `layer_ability`.

    Returns:
        ``(N,)``; ``nan`` where neither the output nor any unit holds a voxel.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0]]])
        >>> mean_ability([f, -f], torch.tensor([[[0.1, 0.1, 0.9, 0.9]]])).item()
        1.0
    """
    output = to_labels(guide)
    found = [unit_ability(f, guide, output, tissue=tissue).dice for f in layers]
    return torch.cat(found, 1).flatten(1).nanmean(1)


def ability_from_counts(size: Tensor, overlap: Tensor, reference: Tensor, total: Tensor) -> Ability:
    """Turn counts of voxels into scores; shapes broadcast.

    Args:
        size: Of the maps.
        overlap: Of map and reference.
        reference: Size of the reference.
        total: All voxels that count.
    """
    size, reference, total = (x.to(overlap.dtype) for x in (size, reference, total))
    fp, fn = size - overlap, reference - overlap
    tn = total - size - fn
    both_empty = (size + reference) == 0
    one_empty = ((size == 0) | (reference == 0)) & ~both_empty

    def ratio(above: Tensor, below: Tensor) -> Tensor:
        value = above / torch.where(below > 0, below, torch.nan)
        return torch.where(both_empty, torch.nan, torch.where(one_empty, 0.0, value))

    return Ability(
        dice=ratio(2 * overlap, size + reference),
        iou=ratio(overlap, overlap + fp + fn),
        accuracy=ratio(overlap + tn, total.expand_as(tn)),
        sensitivity=ratio(overlap, reference.expand_as(overlap)),
        specificity=ratio(tn, tn + fp),
    )


def reference_sizes(
    reference: Tensor, guide: Tensor, tissue: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Voxels of each class of a label map ``(N, classes)``, and of all that count ``(N, 1)``."""
    classes = max(2, guide.shape[1]) - 1
    labels = reference.flatten(1)
    valid = torch.ones_like(labels, dtype=torch.bool)
    if tissue is not None:
        valid = tissue.flatten(1) > 0
    sizes = [((labels == k + 1) & valid).sum(1) for k in range(classes)]
    return torch.stack(sizes, 1).double().cpu(), valid.sum(1, keepdim=True).double().cpu()


def _check_truth(truth: Tensor, guide: Tensor) -> None:
    wanted = (len(guide), 1, *guide.shape[2:])
    if tuple(truth.shape) != wanted:
        raise ValueError(f"truth must be label indices {wanted}, got {tuple(truth.shape)}")
