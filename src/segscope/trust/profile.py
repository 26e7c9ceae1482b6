"""Do a network's layers say what its output says, more than chance would?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = Sequence[Sequence[float]]


def above_chance(agreement: Rows, chance: Rows) -> NDArray[np.float64]:
    """Agreement of every layer's map with the output, minus that with the output moved away.

    Args:
        agreement: Dice per layer and class; ``nan`` where neither holds a voxel.
        chance: The same with the guide moved by half the image.

    Returns:
        ``(layers, classes)``; what is undefined counts as 0, as nothing is better than chance.

    Example:
        >>> above_chance([[0.9], [0.5]], [[0.1], [0.4]]).round(3).tolist()
        [[0.8], [0.1]]
    """
    found, by_chance = (
        np.nan_to_num(np.array(x, np.float64), nan=0.0) for x in (agreement, chance)
    )
    if found.shape != by_chance.shape or found.ndim != 2:
        raise ValueError(
            f"agreement and chance must be (layers, classes) alike, got {found.shape} and "
            f"{by_chance.shape}"
        )
    return found - by_chance


def mean_profile(agreement: Rows, chance: Rows) -> float:
    """Mean of `above_chance` over layers and classes; 0 without layers.

    Example:
        >>> round(mean_profile([[0.9], [0.5]], [[0.1], [0.4]]), 3)
        0.45
    """
    return float(above_chance(agreement, chance).mean()) if len(agreement) else 0.0
