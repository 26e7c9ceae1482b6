"""One temperature for a network's probabilities, fitted on voxels whose truth is known."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FEWEST_VOXELS = 100
_RANGE = (0.2, 10.0)
_GRID = 57  # temperatures that are tried, evenly in their logarithm
_EDGE = 1e-7

Array = NDArray[np.float64]


def tempered(probabilities: ArrayLike, temperature: float) -> Array:
    """Divide the logit of every probability (one class against the rest) by a temperature.

    Args:
        probabilities: Any shape, within 0 and 1.
        temperature: Above 1 makes less sure, below 1 more.

    Example:
        >>> tempered([0.5, 0.8], 2.0).round(3).tolist()
        [0.5, 0.667]
    """
    p = np.asarray(probabilities, np.float64).clip(_EDGE, 1 - _EDGE)
    found: Array = 1 / (1 + ((1 - p) / p) ** (1 / temperature))
    return found


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Find the temperature of least negative log-likelihood, within 0.2 and 10.

    Args:
        probabilities: ``(n,)`` of a class, of voxels of cases that did not train.
        truth: ``(n,)``, whether the voxel is of the class.

    Returns:
        The temperature; 1 where fewer than 100 voxels, or voxels of one kind, could tell.

    Raises:
        ValueError: Shapes that differ; probabilities beyond 0 and 1.

    Example:
        >>> p = np.repeat([0.9, 0.1], 100)
        >>> y = np.tile(np.repeat([1, 0], [8, 2]), 10)
        >>> y = np.concatenate([y, 1 - y])
        >>> bool(fit_temperature(p, y) > 1)  # .9 where 80 % are right: too sure
        True
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(truth, bool)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"probabilities and truth must be (n,) alike, got {p.shape}, {y.shape}")
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError("probabilities must lie within 0 and 1")
    if p.size < _FEWEST_VOXELS or y.all() or not y.any():
        return 1.0
    tried = np.geomspace(*_RANGE, _GRID)
    losses = [_loss(p, y, temperature) for temperature in tried]
    return float(tried[int(np.argmin(losses))])


def _loss(p: Array, y: NDArray[np.bool_], temperature: float) -> float:
    found = tempered(p, temperature).clip(_EDGE, 1 - _EDGE)
    return float(-np.log(np.where(y, found, 1 - found)).mean())
