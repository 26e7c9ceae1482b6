"""The time that a training may take: the whole command, from its first second to its last."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_FINAL_SHARE = 1 / 3  # of the time, at most, for the final evaluation
_QUALITY_SHARE, _QUALITY_MOST_S = 0.08, 300.0  # of the time, for what predicts the quality
_AROUND_S = 1.0  # Python's own start and end, which no clock inside it sees


@dataclass
class Budget:
    """A clock that began with the command, and what is to be done before it stops.

    Without a limit the clock is only read for the log: nothing is decided by it.

    Args:
        limit_s: Seconds for everything; infinite where nothing limits them.
        reserve_s: Of these, seconds that are kept for what follows the training.
        quality_s: Seconds that are kept after that, for what predicts the quality.
        case_s: What the final evaluation of each case is expected to take; empty where none
            follows.
        planned: Cases whose final evaluation the reserve is for.
        started: When it began, by the clock that never goes back.
        say: Receives what is to be known beforehand, in lines.
    """

    limit_s: float = math.inf
    reserve_s: float = 0.0
    quality_s: float = 0.0
    case_s: dict[str, float] = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    started: float = field(default_factory=lambda: time.monotonic())
    say: Callable[[str], None] = _LOG.info

    def carry(self, elapsed_s: float) -> None:
        """Count what a run took before it was stopped."""
        self.started -= elapsed_s

    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started

    def training_s(self) -> float:
        """Seconds after which the training must have ended; infinite without a limit."""
        return self.limit_s - self.reserve_s - self.quality_s - _AROUND_S

    def evaluation_s(self) -> float:
        """Most seconds for the final evaluation: a third of all; infinite without a limit."""
        return self.limit_s * _FINAL_SHARE

    def plan_evaluation(self, case_s: Mapping[str, float]) -> None:
        """Keep time for the final evaluation, of as many cases as fit into its share.

        Args:
            case_s: Expected seconds of each case.

        Example:
            >>> budget = Budget(limit_s=60.0)
            >>> budget.plan_evaluation({"a": 8.0, "b": 8.0, "c": 8.0})
            >>> budget.planned, budget.reserve_s
            (('a', 'c'), 16.0)
        """
        self.case_s = dict(case_s)
        self.planned = as_many_as_fit(tuple(case_s), self.case_s, self.evaluation_s())
        self.reserve_s = sum(self.case_s[name] for name in self.planned)

    def plan_quality(self) -> None:
        """Keep time for what is learned of the run's predictions after the evaluation.

        Example:
            >>> budget = Budget(limit_s=100.0, reserve_s=10.0)
            >>> budget.plan_quality()
            >>> budget.quality_s, budget.training_s()
            (8.0, 81.0)
        """
        if math.isfinite(self.limit_s):
            self.quality_s = min(_QUALITY_SHARE * self.limit_s, _QUALITY_MOST_S)

    def left_s(self) -> float:
        """Seconds until the end, Python's own left out; infinite without a limit."""
        return self.limit_s - self.elapsed_s() - _AROUND_S

    def to_evaluate(self) -> tuple[str, ...]:
        """Cases to evaluate now: those that were planned, or more where time is left."""
        left = self.limit_s - self.quality_s - self.elapsed_s()
        now = as_many_as_fit(tuple(self.case_s), self.case_s, left)
        return max(self.planned, now, key=len)

    def describe(self, names: Sequence[str]) -> str:
        """Say what the final evaluation is, and what it is expected to take.

        Example:
            >>> Budget(case_s={"a": 20.0, "b": 20.0}).describe(("a", "b"))
            'final evaluation of 2 cases: about 40 s'
            >>> Budget(limit_s=60.0, case_s={"a": 50.0, "b": 30.0}).describe(())
            'final evaluation left out: max_minutes has no time for one of 2 cases (30 s or more); \
add --resume afterwards for all'
        """
        every, seconds = len(self.case_s), sum(self.case_s[name] for name in names)
        rest = "add --resume afterwards for all"
        if not names:
            least = in_words(min(self.case_s.values()))
            return (
                f"final evaluation left out: max_minutes has no time for one of {every} cases "
                f"({least} or more); {rest}"
            )
        if len(names) == every:
            return f"final evaluation of {every} cases: about {in_words(seconds)}"
        return (
            f"final evaluation of {len(names)} of {every} cases, as max_minutes has no time for "
            f"more: about {in_words(seconds)}; {rest}"
        )

    def release(self) -> None:
        """Lift the limit: the training is over, and what follows it was asked for anew."""
        self.limit_s = math.inf


def limit_of(max_minutes: float | None) -> float:
    """Seconds that a recipe allows; infinite where it names none.

    Example:
        >>> limit_of(0.5), limit_of(None)
        (30.0, inf)
    """
    return math.inf if max_minutes is None else 60.0 * max_minutes


@dataclass
class Pace:
    """How fast a training is, as measured so far; tells when it must end to end in time."""

    step_s: float = 0.0
    validation_s: float = 0.0
    saving_s: float = 0.0

    def step(self, seconds: float) -> None:
        """Take another step into account; the last few count most."""
        self.step_s = seconds if self.step_s == 0 else 0.7 * self.step_s + 0.3 * seconds

    @property
    def closing_s(self) -> float:
        """Seconds from the last step to a run that stands whole in its folder."""
        return self.validation_s + self.saving_s


def in_words(seconds: float) -> str:
    """Say a time as people do.

    Example:
        >>> in_words(0.4), in_words(40.2), in_words(130.0)
        ('1 s', '40 s', '2 min 10 s')
    """
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


def spread(items: Sequence[T], count: int) -> tuple[T, ...]:
    """Take some, evenly spread over all: no chance, and no clock, decides which.

    Example:
        >>> spread("abcdefg", 3)
        ('a', 'd', 'g')
        >>> spread("abc", 1)
        ('b',)
    """
    if count == 1:
        return (items[(len(items) - 1) // 2],)
    return tuple(items[round(k * (len(items) - 1) / (count - 1))] for k in range(count))


def as_many_as_fit(items: Sequence[T], cost: Mapping[T, float], most: float) -> tuple[T, ...]:
    """Take as many, evenly spread, as cost no more than ``most`` together.

    Example:
        >>> as_many_as_fit("abc", {"a": 1.0, "b": 5.0, "c": 1.0}, 3.0)
        ('a', 'c')
    """
    for count in range(len(items), 0, -1):
        chosen = spread(items, count)
        if sum(cost[item] for item in chosen) <= most:
            return chosen
    return ()
