"""Paired differences of arms and how stable their order is, where the unit is the subject.

Means over subjects and their intervals are those of `segscope.metrics.estimates`; differences are
paired by subject, tested by Wilcoxon's signed-rank test and corrected by Holm over the comparisons.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from segscope.metrics.estimates import (
    Estimate,
    Values,
    by_subject,
    estimate,
    mean_known,
    round_trip,
)

__all__ = [
    "Difference",
    "Estimate",
    "Ranks",
    "Values",
    "by_subject",
    "differences",
    "estimate",
    "holm",
    "mean_known",
    "rank_stability",
    "round_trip",
]

_DRAWS = 2000
_FEWEST_TO_TEST = 6
"""Of five pairs the smallest two-sided p is 0.0625: nothing could be shown."""


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
