"""Where masks lie: the distance between their centres of mass."""

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid
from segscope.images.components import find_runs
from segscope.metrics.checks import check_masks


def centre_distance(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], grid: Grid) -> float:
    """Distance between centres of mass in mm, through the affine; ``nan`` if either is empty.

    Raises:
        ValueError: The arrays are no masks of one shape.

    Example:
        >>> a, b = np.eye(4, dtype=bool)[:2]
        >>> centre_distance(a, b, Grid.from_spacing((4,), (2.5,)))
        2.5
    """
    prediction, truth = check_masks(prediction, truth)
    centres = [grid.to_world(find_runs(mask).centre()) for mask in (prediction, truth)]
    return float(np.linalg.norm(centres[0] - centres[1]))
