"""Bootstrap intervals of any statistic, where whole groups are drawn: the one of the house.

A subject's cases are drawn together, as they do not make more subjects. Means of one value per
subject have their own, bias-corrected intervals in `segscope.metrics.estimates`; what is no
mean of subjects' values, such as an area under a curve, has its interval from here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]

_DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A value, and the middle 95 % of it over samples drawn with replacement.

    Args:
        value: Of all cases.
        lower: 2.5th percentile; ``nan`` where fewer than two samples define it.
        upper: 97.5th percentile.
    """

    value: float
    lower: float
    upper: float


def grouped_intervals(
    whole: Mapping[str, float],
    drawn: Callable[[Places], Mapping[str, float]],
    groups: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Interval]:
    """Give statistics their intervals by drawing groups of cases with replacement.

    Args:
        whole: Names to the values of all cases.
        drawn: Values of the same names from the places of the cases that were drawn.
        groups: One per case; its cases are drawn together.
        seed: Of the draws.

    Example:
        >>> x = np.array([0.0, 0.0, 1.0, 1.0])
        >>> found = grouped_intervals(
        ...     {"mean": x.mean()}, lambda k: {"mean": x[k].mean()}, ["a", "a", "b", "b"]
        ... )
        >>> found["mean"]
        Interval(value=0.5, lower=0.0, upper=1.0)
    """
    values: dict[str, list[float]] = {name: [] for name in whole}
    random = np.random.default_rng(seed)
    members = _members(groups)
    for _ in range(_DRAWS):
        chosen = random.integers(len(members), size=len(members))
        found = drawn(np.concatenate([members[k] for k in chosen]))
        for name in values:
            values[name].append(found[name])
    return {name: _interval(float(value), values[name]) for name, value in whole.items()}


def _members(groups: Sequence[str]) -> list[Places]:
    found: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        found.setdefault(group, []).append(place)
    return [np.array(places, np.intp) for places in found.values()]


def _interval(value: float, draws: Sequence[float]) -> Interval:
    known = [draw for draw in draws if draw == draw]
    if len(known) < 2:
        return Interval(value, float("nan"), float("nan"))
    lower, upper = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(lower), float(upper))
