"""Whether a model can be used, by written rules, from scores of cases that it was not trained on.

The rules, in their order; *good* is the Dice that a person would accept without a change:

1. **not ready** where the interval of the mean Dice ends below *good*, where the mean Dice is no
   better than chance, or where the interval of a label's ends below half of *good*;
2. **too few cases to say** with fewer than eight subjects (or no interval);
3. **ready, for cases like these** where the intervals of the mean Dice and of every label's begin
   at *good* or above, and at most one case in ten lies below it;
4. **look at each case** otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

GOOD = 0.7
FEWEST_SUBJECTS = 8
_BELOW = 0.1
"""Share of cases below *good* that a ready model may have."""

Level = Literal["bad", "unknown", "good", "look"]
_SAID: dict[Level, str] = {
    "bad": "Not ready",
    "unknown": "Too few cases to say",
    "good": "Ready, for cases like these",
    "look": "Usable, if a person looks at each case",
}


class Interval(Protocol):
    """A mean over subjects with its 95 % interval."""

    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


@dataclass(frozen=True)
class Readiness:
    """The verdict on a model.

    Args:
        level: ``good``, ``look``, ``bad`` or ``unknown``.
        sentence: The verdict with its number.
        reasons: The rules that decided, then what else speaks for or against.
        good: The Dice that counts as good.
    """

    level: Level
    sentence: str
    reasons: tuple[str, ...]
    good: float = GOOD

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "reasons": list(self.reasons)}


def judge_model(
    mean: Interval,
    labels: Mapping[str, Interval],
    cases: Mapping[str, float],
    *,
    unit: str = "subjects",
    chance: float | None = None,
    layers: tuple[int, int] | None = None,
    good: float = GOOD,
) -> Readiness:
    """Judge a model by the rules above.

    Args:
        mean: Mean Dice over labels.
        labels: Label to its mean Dice.
        cases: Case to its mean Dice.
        unit: What the intervals are over: ``subjects`` or ``cases``.
        chance: Mean Dice of a guide in the wrong place, where an audit measured it.
        layers: How many layers segment better than chance, of how many.
        good: Dice that a person would accept.

    Raises:
        ValueError: *good* is not between 0 and 1.

    Example:
        >>> from types import SimpleNamespace
        >>> mean = SimpleNamespace(mean=0.28, low=0.19, high=0.37, n=4)
        >>> found = judge_model(mean, {}, {"a": 0.28}, unit="cases", layers=(0, 14))
        >>> found.sentence
        'Not ready: mean Dice 0.28 (0.19 to 0.37, 4 cases)'
        >>> found.reasons[-1]
        'no layer segments better than chance'
    """
    if not 0 < good < 1:
        raise ValueError(f"good must lie between 0 and 1, got {good}")
    below = [name for name, dice in cases.items() if dice < good]
    bad = _against(mean, labels, chance, good)
    level: Level = "look"
    if bad:
        level = "bad"
    elif mean.n < FEWEST_SUBJECTS or mean.low != mean.low:
        level = "unknown"
    elif _all_good(mean, labels, good) and len(below) <= _BELOW * len(cases):
        level = "good"
    reasons = [*bad, *_doubts(mean, labels, good, level), f"good means a Dice of {good:g} or more"]
    if below:
        reasons.append(f"{len(below)} of {len(cases)} cases lie below {good:g}")
    if layers is not None:
        count, of = layers
        number = "no layer segments" if not count else f"{count} of {of} layers segment"
        reasons.append(f"{number} better than chance")
    return Readiness(level, f"{_SAID[level]}: {_mean(mean, unit)}", tuple(reasons), good)


def _mean(mean: Interval, unit: str) -> str:
    if mean.mean != mean.mean:
        return "no Dice is defined"
    counted = unit.removesuffix("s") if mean.n == 1 else unit
    ends = "" if mean.low != mean.low else f"{mean.low:.2f} to {mean.high:.2f}, "
    return f"mean Dice {mean.mean:.2f} ({ends}{mean.n} {counted})"


def _against(
    mean: Interval, labels: Mapping[str, Interval], chance: float | None, good: float
) -> list[str]:
    """Rule 1."""
    found = []
    if mean.high < good:
        found.append(f"the mean Dice lies below {good:g}, also at the upper end of its interval")
    if chance is not None and mean.mean <= chance:
        found.append(f"it is no better than chance (mean Dice {chance:.2f} in the wrong place)")
    for name, one in labels.items():
        if one.high < good / 2:
            found.append(f"{name} is hardly found: mean Dice {one.mean:.2f}")
    return found


def _all_good(mean: Interval, labels: Mapping[str, Interval], good: float) -> bool:
    return all(one.low >= good for one in (mean, *labels.values()))


def _doubts(mean: Interval, labels: Mapping[str, Interval], good: float, level: Level) -> list[str]:
    """What keeps a model from being ready, or the verdict from being sure."""
    if level == "unknown":
        return [f"{FEWEST_SUBJECTS} subjects are the fewest for a verdict; validate on more"]
    weak = [name for name, one in labels.items() if one.low < good and one.high >= good / 2]
    if level == "look" and mean.low < good:
        weak = ["the mean", *weak]
    return [f"the interval of {', '.join(weak)} reaches below {good:g}"] if weak else []
