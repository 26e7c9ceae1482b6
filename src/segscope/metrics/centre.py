"""Where masks lie: the distance between their centres of mass."""

import math

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid


def centre_distance(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], grid: Grid) -> float:
    """Distance between centres of mass in mm, through the affine; ``nan`` if either is empty.

    Example:
        >>> a, b = np.eye(4, dtype=bool)[:2]
        >>> centre_distance(a, b, Grid.from_spacing((4,), (2.5,)))
        2.5
    """
    if not (prediction.any() and truth.any()):
        return math.nan
    centres = [grid.to_world(np.argwhere(mask).mean(0)) for mask in (prediction, truth)]
    return float(np.linalg.norm(centres[0] - centres[1]))
