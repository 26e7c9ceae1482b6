"""Agreement of several label maps of one case: of heads, mirrored copies, other resolutions."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def pairwise_dice(labels: Sequence[Tensor], classes: int) -> float:
    """Mean Dice of all pairs of predictions of one case, over classes and pairs.

    Pairs that both lack a class are left out of its mean; where no class is ever predicted the
    value is 0, the lowest: nothing supports such a prediction.

    Args:
        labels: Two or more label maps of one shape: test-time variants, dropout samples or several
            networks' answers (agreement in pairs as in Roy et al. 2018, arXiv:1811.09800).
        classes: Labels 1 to ``classes`` are looked at.

    Raises:
        ValueError: Fewer than two predictions.

    Example:
        >>> import torch
        >>> a, b = torch.tensor([1, 1, 0]), torch.tensor([1, 0, 0])
        >>> round(pairwise_dice([a, b], 1), 4)
        0.6667
    """
    if len(labels) < 2:
        raise ValueError(f"two predictions are needed to compare, got {len(labels)}")
    found = []
    for k in range(1, classes + 1):
        masks = [(label == k).flatten() for label in labels]
        sizes = [int(mask.sum()) for mask in masks]
        for a, b in combinations(range(len(masks)), 2):
            if sizes[a] + sizes[b]:
                both = int((masks[a] & masks[b]).sum())
                found.append(2 * both / (sizes[a] + sizes[b]))
    return sum(found) / len(found) if found else 0.0


def class_dice(
    one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.float64]:
    """Dice of labels 1 to ``classes`` of two label maps; ``nan`` where both lack the label.

    Example:
        >>> class_dice(np.array([1, 1, 0]), np.array([1, 2, 0]), 3).round(3).tolist()
        [0.667, 0.0, nan]
    """
    kinds = classes + 1
    pairs = one.astype(np.intp).ravel() * kinds + other.ravel()
    table = np.bincount(pairs, minlength=kinds * kinds).reshape(kinds, kinds)
    sizes = (table.sum(0) + table.sum(1))[1:].astype(np.float64)
    both = 2.0 * np.diag(table)[1:]
    found: NDArray[np.float64] = np.divide(both, sizes, out=np.full_like(both, np.nan),
                                           where=sizes > 0)  # fmt: skip
    return found


def pair_mean(dice: Sequence[NDArray[np.float64]], classes: int) -> NDArray[np.float64]:
    """Mean over several comparisons, per class; 0 where a class was never there.

    Example:
        >>> pair_mean([np.array([0.5, np.nan]), np.array([1.0, np.nan])], 2).tolist()
        [0.75, 0.0]
    """
    table = np.array(dice).reshape(len(dice), classes)
    known = np.isfinite(table)
    total: NDArray[np.float64] = np.where(known, table, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return total
