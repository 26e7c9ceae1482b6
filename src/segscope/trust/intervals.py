"""Intervals around predicted values that hold a stated share: CV+, by subject."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cv_plus(
    by_fold: Array, fold: Sequence[int], residuals: Sequence[float], *, coverage: float
) -> tuple[float, float]:
    """Interval of a new case by CV+ (Barber et al. 2021, arXiv:1905.02928, eq. 11).

    Args:
        by_fold: ``(folds,)``: what each fold's model predicts of the new case.
        fold: Of each known case, one per subject: the fold that it was left out with.
        residuals: Its distance from what was predicted of it then.
        coverage: Share of new cases whose value shall lie inside.

    Returns:
        Lower and upper end; infinite where there are too few known cases for this coverage.

    Example:
        >>> cv_plus(np.array([0.5]), [0] * 4, [0.1, 0.2, 0.3, 0.4], coverage=0.6)
        (0.2, 0.8)
    """
    own = np.asarray(by_fold, np.float64)[np.asarray(fold, np.intp)]
    r = np.asarray(residuals, np.float64)
    rank = conformal_rank(len(r), coverage)
    if rank > len(r):
        return -math.inf, math.inf
    return float(np.sort(own - r)[len(r) - rank]), float(np.sort(own + r)[rank - 1])


def conformal_rank(n: int, coverage: float) -> int:
    """Which of n sorted distances holds the share of new ones: ``ceil((n + 1) coverage)``.

    Example:
        >>> conformal_rank(20, 0.9), conformal_rank(8, 0.9)
        (19, 9)
    """
    return math.ceil((n + 1) * coverage - 1e-9)


def conformal_width(residuals: Sequence[float], coverage: float) -> float:
    """Distance that holds the share of new cases; infinite where there are too few known ones.

    Example:
        >>> conformal_width([0.1, 0.2, 0.3, 0.4], 0.6)
        0.3
    """
    rank = conformal_rank(len(residuals), coverage)
    return math.inf if rank > len(residuals) else float(np.sort(residuals)[rank - 1])
