"""Does a figure of quality find the bad cases? Curves, areas and correlations against the truth.

Ties are treated as a random order would be on average: every case of a tied group counts with the
group's mean score. So the order in which cases are given can never matter.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class CoverageCurve:
    """Mean score of what is kept, by the share of cases that is kept.

    Args:
        coverage: ``(n,)``: 1/n, 2/n, ..., 1.
        mean_score: ``(n,)``.
    """

    coverage: Vector
    mean_score: Vector


@dataclass(frozen=True)
class Correlations:
    """Correlation of quality and score; ``nan`` where it is undefined."""

    pearson: float
    spearman: float
    n: int


def coverage_curve(quality: ArrayLike, score: ArrayLike) -> CoverageCurve:
    """Mean score of the cases of highest quality, for every number of kept cases.

    Args:
        quality: ``(n,)``, higher is better.
        score: ``(n,)``, for example the true Dice.

    Raises:
        ValueError: Lengths differ, no case, or values that are not finite.

    Example:
        >>> coverage_curve([0.9, 0.1], [1.0, 0.5]).mean_score.tolist()
        [1.0, 0.75]
    """
    ordered = _ordered(quality, score)
    counts = np.arange(1, len(ordered) + 1)
    return CoverageCurve(counts / len(ordered), np.cumsum(ordered) / counts)


def at_coverage(quality: ArrayLike, score: ArrayLike, share: float) -> float:
    """Mean score when the ``ceil(share * n)`` cases of highest quality are kept.

    Args:
        quality: ``(n,)``, higher is better.
        score: ``(n,)``.
        share: Of the cases to keep, above 0 and at most 1.

    Raises:
        ValueError: As of `coverage_curve`; a share outside of (0, 1].

    Example:
        >>> at_coverage([3, 2, 1, 0], [1.0, 0.8, 0.6, 0.0], 0.5)
        0.9
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    curve = coverage_curve(quality, score).mean_score
    # 0.07 * 100 is a little more than 7 in floating point; one case at least is kept
    kept = max(math.ceil(share * len(curve) - 1e-9), 1)
    return float(curve[kept - 1])


def aurc(quality: ArrayLike, score: ArrayLike) -> float:
    """Area under the risk-coverage curve: mean over coverages of the kept cases' risk.

    Risk is one minus the score (Geifman and El-Yaniv 2017, arXiv:1705.08500). Lower is better.

    Args:
        quality: ``(n,)``, higher is better.
        score: ``(n,)``, at most 1.

    Returns:
        Within 0 and 1 for scores within 0 and 1.

    Raises:
        ValueError: As of `coverage_curve`.

    Example:
        >>> round(aurc([2, 1], [1.0, 0.5]), 3)
        0.125
    """
    return float(np.mean(1 - coverage_curve(quality, score).mean_score))


def augrc(quality: ArrayLike, score: ArrayLike) -> float:
    """Area under the generalised risk-coverage curve (Traub et al. 2024, arXiv:2407.01032).

    The generalised risk at a coverage is the sum of the kept cases' risks over *all* cases; the
    area is taken by trapezoids from coverage 0. A figure that says nothing has half the mean risk.

    Args:
        quality: ``(n,)``, higher is better.
        score: ``(n,)``, at most 1.

    Returns:
        Within 0 and 1/2 for scores within 0 and 1; lower is better.

    Raises:
        ValueError: As of `coverage_curve`.

    Example:
        >>> augrc([1, 1], [1.0, 0.5])
        0.125
    """
    risks = np.cumsum(1 - _ordered(quality, score)) / np.size(score)
    heights = np.concatenate([[0.0], risks])
    return float(np.mean((heights[1:] + heights[:-1]) / 2))


def correlations(quality: ArrayLike, score: ArrayLike) -> Correlations:
    """Pearson's and Spearman's correlation; ``nan`` below three cases or where one is constant.

    Args:
        quality: ``(n,)``.
        score: ``(n,)``.

    Raises:
        ValueError: As of `coverage_curve`.

    Example:
        >>> correlations([1, 2, 3], [1, 4, 9]).spearman
        1.0
    """
    from scipy import stats

    q, s = _checked(quality, score)
    if len(q) < 3 or q.min() == q.max() or s.min() == s.max():
        return Correlations(math.nan, math.nan, len(q))
    with warnings.catch_warnings():
        # values that differ in the last digits only: the result says enough
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        pearson: Any = stats.pearsonr(_near_one(q), _near_one(s))
        spearman: Any = stats.spearmanr(q, s)
    return Correlations(float(pearson.statistic), float(spearman.statistic), len(q))


def drawn_spearman(quality: Vector, dice: Vector) -> float:
    """Spearman's correlation from ranks, for thousands of draws; ``nan`` as of `correlations`.

    Example:
        >>> drawn_spearman(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.3, 0.2])).__round__(12)
        0.5
    """
    from scipy.stats import rankdata

    if len(dice) < 3 or not np.ptp(quality) or not np.ptp(dice):
        return math.nan
    return float(np.corrcoef(rankdata(quality), rankdata(dice))[0, 1])


def share_to_review(quality: ArrayLike, score: ArrayLike, target: float) -> float | None:
    """Smallest share of cases, lowest quality first, to correct so that the mean reaches a target.

    A person reviews all cases up to some quality and corrects each to a score of 1; the others keep
    theirs. Of all such limits the lowest is taken at which the mean over *all* cases, reviewed and
    not, is at least the target. Tied cases are reviewed together.

    Args:
        quality: ``(n,)``, higher is better.
        score: ``(n,)``, at most 1.
        target: Mean score to reach.

    Returns:
        Share of the cases; 0 where nothing need be done; None where even all would not do (a
        target above 1).

    Raises:
        ValueError: As of `coverage_curve`; a target that is no number.

    Example:
        >>> share_to_review([3, 2, 1, 0], [1.0, 1.0, 0.6, 0.2], 0.9)
        0.25
    """
    if math.isnan(target):
        raise ValueError("target must be a mean score to reach, got nan")
    q, s = _checked(quality, score)
    for limit in (-math.inf, *np.unique(q)):
        reviewed = q <= limit
        # three scores of 0.7 have a mean a little below 0.7 in floating point
        if np.where(reviewed, 1.0, s).mean() >= target - 1e-12:
            return float(reviewed.mean())
    return None


def _near_one(values: Vector) -> Vector:
    """Scale by a power of two, which is exact, so that no sum or square overflows."""
    _, exponent = np.frexp(np.abs(values).max())
    scaled: Vector = np.ldexp(values, -exponent)
    return scaled


def _ordered(quality: ArrayLike, score: ArrayLike) -> Vector:
    """Scores by falling quality, each tied group's replaced by its mean."""
    q, s = _checked(quality, score)
    _, group = np.unique(-q, return_inverse=True)
    means = np.bincount(group, s) / np.bincount(group)
    ordered: Vector = means[np.sort(group)]
    return ordered


def _checked(quality: ArrayLike, score: ArrayLike) -> tuple[Vector, Vector]:
    q, s = np.asarray(quality, np.float64), np.asarray(score, np.float64)
    if q.ndim != 1 or q.shape != s.shape:
        raise ValueError(f"quality and score must be (n,) alike, got {q.shape} and {s.shape}")
    if not len(q):
        raise ValueError("quality and score are empty; at least one case is needed")
    for name, values in (("quality", q), ("score", s)):
        if bad := int((~np.isfinite(values)).sum()):
            raise ValueError(
                f"{name}: {bad} of {len(values)} values are not finite; leave them out"
            )
    return q, s
