"""Means with intervals and paired differences, where the unit is the subject.

A subject's value is the mean over its cases, each first averaged over seeds and folds: repeated
trainings and slices of one person do not make more subjects. Intervals are bootstrapped over
subjects (bias-corrected and accelerated); differences are paired by subject, tested by Wilcoxon's
signed-rank test and corrected by Holm over the comparisons.
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
_FEWEST_TO_TEST = 6
"""Of five pairs the smallest two-sided p is 0.0625: nothing could be shown."""

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


@dataclass(frozen=True)
class Difference:
    """One arm less another, paired by subject.

    Args:
        arm: Which.
        reference: That it is compared with.
        estimate: Of the differences.
        p: Wilcoxon's; ``nan`` where fewer than six subjects have both, or none differs.
        p_holm: Corrected over the comparisons.
    """

    arm: str
    reference: str
    estimate: Estimate
    p: float
    p_holm: float = math.nan

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0, and the corrected test agrees."""
        low, high = self.estimate.low, self.estimate.high
        return (low > 0 or high < 0) and self.p_holm < 0.05

    def sentence(self, metric: str) -> str:
        """Say what the data show, and what they do not."""
        found = self.estimate
        if found.n < _FEWEST_TO_TEST:
            return (
                f"{self.arm} against {self.reference}: too few subjects to say ({found.n}; mean "
                f"difference {found.mean:+.4g} in {metric})"
            )
        said = f"{found.mean:+.4g} ({found.low:+.4g} to {found.high:+.4g}), p {self.p_holm:.2g}"
        what = "differs" if self.shown else "no difference shown"
        return f"{self.arm} against {self.reference}: {what} in {metric}: {said}, n {found.n}"


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


def differences(
    arms: Mapping[str, Values], reference: str, *, seed: int = 0
) -> tuple[Difference, ...]:
    """Compare every arm with the reference.

    Args:
        arms: Name to the values of the same subjects.
        reference: One of them.
        seed: Of the bootstrap.

    Example:
        >>> a = {str(k): 0.5 + k / 100 for k in range(8)}
        >>> b = {k: v + 0.1 + v / 50 for k, v in a.items()}
        >>> (found,) = differences({"a": a, "b": b}, "a")
        >>> round(found.estimate.mean, 3), round(found.p, 4), found.shown
        (0.111, 0.0078, True)
    """
    base = arms[reference]
    raw = []
    for name, values in arms.items():
        if name == reference:
            continue
        apart = {s: values[s] - base[s] for s in base if s in values}
        found = estimate(apart, seed=seed)
        known = np.array([v for v in apart.values() if not math.isnan(v)])
        p = math.nan
        if len(known) >= _FEWEST_TO_TEST and known.any():
            p = float(stats.wilcoxon(known, zero_method="zsplit").pvalue)
        raw.append(Difference(name, reference, found, p))
    adjusted = holm([one.p for one in raw])
    return tuple(
        Difference(one.arm, one.reference, one.estimate, one.p, p)
        for one, p in zip(raw, adjusted, strict=True)
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for how many there are (Holm 1979); ``nan`` are no tests.

    Example:
        >>> holm([0.01, 0.04, math.nan, 0.03])
        [0.03, 0.06, nan, 0.06]
    """
    tested = sorted((p, k) for k, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    highest = 0.0
    for rank, (p, k) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[k] = highest
    return adjusted


@dataclass(frozen=True)
class Ranks:
    """How stable the order of the arms is when subjects are drawn anew.

    Args:
        first: Arm to the share of draws in which it is first.
        tau: Mean of Kendall's tau between the order found and those of the draws.
    """

    first: dict[str, float]
    tau: float


def rank_stability(
    arms: Mapping[str, Values], *, higher_is_better: bool = True, seed: int = 0
) -> Ranks:
    """Rank arms in draws of subjects with replacement (as challengeR does).

    Example:
        >>> found = rank_stability({"a": {"1": 0.9, "2": 0.8}, "b": {"1": 0.1, "2": 0.2}})
        >>> found.first, found.tau
        ({'a': 1.0, 'b': 0.0}, 1.0)
    """
    names = list(arms)
    subjects = sorted(set.intersection(*(set(values) for values in arms.values())))
    table = np.array([[arms[name][s] for s in subjects] for name in names])
    table = table[:, ~np.isnan(table).any(0)]
    nowhere = dict.fromkeys(names, math.nan)
    if len(names) < 2 or not table.size:
        return Ranks(nowhere, math.nan)
    sign = 1.0 if higher_is_better else -1.0
    whole = sign * table.mean(1)
    random = np.random.default_rng(seed)
    chosen = random.integers(table.shape[1], size=(_DRAWS // 4, table.shape[1]))
    drawn = sign * table[:, chosen].mean(2).T
    winners = drawn.argmax(1)
    taus = [stats.kendalltau(whole, one).statistic for one in drawn]
    first = {name: float((winners == k).mean()) for k, name in enumerate(names)}
    return Ranks(first, mean_known([float(tau) for tau in taus]))


def _interval(known: NDArray[np.float64], seed: int) -> tuple[float, float]:
    if len(known) < 2:
        return math.nan, math.nan
    if not np.ptp(known):
        return float(known[0]), float(known[0])
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
