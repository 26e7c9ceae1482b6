"""How much a mask depends on its threshold, and how thick the band is where p is undecided."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOVED = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds at which voxels are counted; the middle one makes the mask."""

BAND = (0.1, 0.9)
"""Between these a voxel is undecided."""

Vector = NDArray[np.float64]


def threshold_margin(above: ArrayLike) -> Vector:
    """Mean Dice of the mask at 0.5 with those at 0.3, 0.4, 0.6 and 0.7, per class.

    Masks of one map lie within each other, so that sizes are enough. A class of which no voxel is
    above 0.5 has 0: nothing supports its absence.

    Args:
        above: ``(classes, 5)``, voxels whose p is above each of `MOVED`.

    Example:
        >>> threshold_margin([[4, 2, 2, 2, 0]]).round(4).tolist()  # 2*2/6, 1, 1, 0
        [0.6667]
    """
    n = np.asarray(above, np.float64)
    middle = n[:, [2]]
    others = n[:, [0, 1, 3, 4]]
    dice = 2 * np.minimum(middle, others) / np.maximum(middle + others, 1)
    found: Vector = np.where(middle[:, 0] > 0, dice.mean(1), 0.0)
    return found


def band_thickness(band: ArrayLike, size: ArrayLike, *, dims: int) -> Vector:
    """Thickness of the undecided band over the object's radius, per class.

    An object of radius r has a volume of the order of r to the power of ``dims``, so a band of
    thickness t around it has ``dims * t / r`` of its volume. Infinite where there is no object.

    Args:
        band: Voxels whose p is within `BAND`.
        size: Voxels of the object.
        dims: Of the image.

    Example:
        >>> band_thickness([20], [100], dims=2).tolist()
        [0.1]
    """
    b, v = np.asarray(band, np.float64), np.asarray(size, np.float64)
    found: Vector = np.divide(b, dims * v, out=np.full_like(b, np.inf), where=v > 0)
    return found
