"""Means over subjects with their intervals, one arithmetic for trainings, evaluations and studies.

A subject's value is the mean over its cases, each first averaged over repetitions: slices of one
person and repeated trainings do not make more subjects. Intervals are bootstrapped over subjects
(bias-corrected and accelerated).
"""

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_DRAWS = 2000
_MOST_FOR_BCA = 2000
"""Its correction leaves every subject out in turn, all at once; of so many it is nothing."""

Values = Mapping[str, float]
"""Subject to value."""


@dataclass(frozen=True)
class Estimate:
    """A mean over subjects.

    Args:
        mean: Of the subjects with a value.
        low: Of the 95 % interval; ``nan`` for fewer than two subjects.
        high: Of the interval.
        sd: Between subjects (sample); ``nan`` for fewer than two.
        n: Subjects with a value.
        undefined: Subjects without one.
    """

    mean: float
    low: float
    high: float
    sd: float
    n: int
    undefined: int

    def __str__(self) -> str:
        if self.n < 2:
            return f"{self.mean:.4g} (n {self.n})"
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g}, n {self.n})"


def by_subject(
    values: Sequence[tuple[str, str, float]],
) -> dict[str, float]:
    """Average (subject, case, value) over repetitions of a case, then over a subject's cases.

    ``nan`` is left out; a subject with nothing else is ``nan``.

    Example:
        >>> by_subject([("s", "a", 0.2), ("s", "a", 0.4), ("s", "b", 0.9), ("t", "c", 1.0)])
        {'s': 0.6, 't': 1.0}
    """
    cases: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for subject, case, value in values:
        cases[subject][case].append(value)
    return {
        subject: round_trip(mean_known([mean_known(repeated) for repeated in of_cases.values()]))
        for subject, of_cases in cases.items()
    }


def round_trip(value: float) -> float:
    """Drop the last bits, which depend on the order of summing.

    Example:
        >>> round_trip(0.6000000000000001)
        0.6
    """
    return float(f"{value:.12g}")


def mean_known(values: Sequence[float]) -> float:
    """Mean of what is defined; ``nan`` of nothing.

    Example:
        >>> mean_known([1.0, math.nan, 3.0]), mean_known([])
        (2.0, nan)
    """
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def estimate(values: Values, *, seed: int = 0) -> Estimate:
    """Mean over subjects with its bootstrap interval.

    Example:
        >>> found = estimate({"a": 1.0, "b": 2.0, "c": 3.0, "d": math.nan})
        >>> found.mean, found.sd, found.n, found.undefined
        (2.0, 1.0, 3, 1)
    """
    known = np.array([v for _, v in sorted(values.items()) if not math.isnan(v)])
    n = len(known)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, len(values))
    low, high = _interval(known, seed)
    sd = float(known.std(ddof=1)) if n > 1 else math.nan
    return Estimate(float(known.mean()), low, high, sd, n, len(values) - n)


def _interval(known: NDArray[np.float64], seed: int) -> tuple[float, float]:
    if len(known) < 2:
        return math.nan, math.nan
    if not np.ptp(known):
        return float(known[0]), float(known[0])
    if len(known) > _MOST_FOR_BCA:
        return _bootstrap(known, "percentile", seed)
    low, high = _bootstrap(known, "BCa", seed)
    if math.isnan(low) or math.isnan(high):  # nearly all values are equal
        low, high = _bootstrap(known, "percentile", seed)
    return low, high


def _bootstrap(known: NDArray[np.float64], method: str, seed: int) -> tuple[float, float]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (known,), np.mean, n_resamples=_DRAWS, method=method,
            rng=np.random.default_rng(seed), vectorized=True,
        ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
