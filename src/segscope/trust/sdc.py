"""Soft Dice confidence: the Dice that a prediction expects of itself, from one pass."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


def soft_dice_confidence(overlap: ArrayLike, soft: ArrayLike, hard: ArrayLike) -> Vector:
    r"""Confidence :math:`2 \sum p y / (\sum p + \sum y)` of each class, one against the rest.

    Near the best score of one pass where ``p`` is calibrated (Borges et al. 2024,
    arXiv:2402.10665, eq. 12). An empty prediction has 0, which is the limit for ``y`` that shrinks
    under any ``p``: nothing supports it.

    Args:
        overlap: Sum of p over the voxels of the predicted mask, per class.
        soft: Sum of p over all voxels.
        hard: Voxels of the predicted mask.

    Returns:
        Within 0 and 1, per class.

    Example:
        >>> soft_dice_confidence([1.6], [2.0], [2]).tolist()  # p = .8 .8 .4 0, y = 1 1 0 0
        [0.8]
    """
    both, p, y = (np.asarray(x, np.float64) for x in (overlap, soft, hard))
    found: Vector = np.divide(2 * both, p + y, out=np.zeros_like(p + y), where=y > 0)
    return found.clip(0, 1)
