"""A heat-map against a mask over all its thresholds at once, and thresholds without a mask.

"A Sneak Attack on Segmentation of Medical Images Using Deep Neural Network Classifiers", eq. 9.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVELS = 256


def to_levels(heatmap: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Scale a map to 0..255: 0 is its lowest value, 255 its highest; a constant map becomes 0.

    Example:
        >>> to_levels(np.array([-1.0, 0.0, 1.0])).tolist()
        [0, 128, 255]
    """
    values = np.asarray(heatmap, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("heatmap: has values that are not finite")
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if values.size:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    return np.round((values - low) / (high - low) * (_LEVELS - 1)).astype(np.uint8)


def dice_over_thresholds(
    heatmap: NDArray[np.uint8], mask: NDArray[np.integer[Any] | np.bool_]
) -> NDArray[np.float64]:
    """Dice of ``heatmap > t`` with the mask for every t = 0..255, from two histograms.

    Args:
        heatmap: ``(*S)`` uint8.
        mask: ``(*S)``, the object where not 0.

    Returns:
        ``(256,)``; 0 where nothing is left or the mask is empty and something is; 1 where both are
        empty.

    Raises:
        ValueError: Another type or shape.

    Example:
        >>> dice_over_thresholds(np.array([0, 255], np.uint8), np.array([0, 1]))[[0, 254, 255]]
        array([1., 1., 0.])
    """
    if heatmap.dtype != np.uint8 or heatmap.shape != mask.shape:
        raise ValueError(
            f"heatmap must be uint8 of the mask's shape {mask.shape}, got {heatmap.dtype} "
            f"{heatmap.shape}; to_levels scales other maps"
        )
    # one histogram for both: levels of the object stand above those of the rest
    joint = np.multiply(mask != 0, _LEVELS, dtype=np.intp).ravel()
    joint += heatmap.ravel()
    rest, inside = np.bincount(joint, minlength=2 * _LEVELS).reshape(2, _LEVELS)
    every = rest + inside
    # voxels above t: all of them less those up to t
    size, overlap = (h.sum() - np.cumsum(h) for h in (every, inside))
    total = size + inside.sum()
    return np.where(total > 0, 2 * overlap / np.maximum(total, 1), 1.0)


def mean_dice(heatmap: NDArray[np.uint8], mask: NDArray[np.integer[Any] | np.bool_]) -> float:
    """Mean over the thresholds t = 0..255 of the Dice of ``heatmap > t`` with the mask (eq. 9).

    Example:
        >>> mean_dice(np.array([0, 255], np.uint8), np.array([0, 1]))
        0.99609375
    """
    return float(dice_over_thresholds(heatmap, mask).mean())


def best_dice(
    heatmap: NDArray[np.uint8], mask: NDArray[np.integer[Any] | np.bool_]
) -> tuple[float, int]:
    """Largest Dice over the thresholds, and the lowest threshold that has it: an oracle.

    Example:
        >>> best_dice(np.array([0, 10, 255], np.uint8), np.array([0, 0, 1]))
        (1.0, 10)
    """
    found = dice_over_thresholds(heatmap, mask)
    best = int(found.argmax())
    return float(found[best]), best


def otsu_threshold(heatmap: NDArray[np.uint8]) -> int:
    """Threshold that parts a map into two classes of largest variance between them (Otsu 1979).

    Needs no mask. Voxels above it are the object; of equal thresholds the lowest is taken.

    Example:
        >>> otsu_threshold(np.array([0, 1, 2, 200, 201], np.uint8))
        2
    """
    counts = np.bincount(heatmap.ravel(), minlength=_LEVELS).astype(np.float64)
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * np.arange(_LEVELS))
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums / below - (sums[-1] - sums) / above
        between = np.where((below > 0) & (above > 0), below * above * apart**2, 0.0)
    return int(between.argmax())


def centred_map(shape: Sequence[int]) -> NDArray[np.uint8]:
    """Draw a cone, 255 in the middle and 0 at the corners: a map that has seen nothing.

    Example:
        >>> centred_map((3, 3)).tolist()
        [[0, 75, 0], [75, 255, 75], [0, 75, 0]]
    """
    sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    far = np.sqrt(sum(axis**2 for axis in np.meshgrid(*sides, indexing="ij")))
    found: NDArray[np.uint8] = np.round(255 * (1 - far / max(far.max(), 1e-12))).astype(np.uint8)
    return found
