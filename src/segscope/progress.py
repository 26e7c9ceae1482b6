"""What long work says: a bar on a terminal or in a notebook, lines in a log file; and memory.

Lines go to the logger ``segscope.progress`` (the command line prints them on stderr), so that a job
on a cluster shows how far it is, and a Python program hears nothing that it did not ask for.
"""

import logging
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")

_LOG = logging.getLogger(__name__)
_FIRST_S, _RAREST_S = 10.0, 120.0


class Cadence:
    """Tells when a line is due: after ten seconds, then more rarely, at least every two minutes.

    Example:
        >>> Cadence().due()
        False
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next_s = _FIRST_S

    @property
    def elapsed_s(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._began

    def due(self) -> bool:
        """Whether to say something now; then not again for a while."""
        elapsed = self.elapsed_s
        if elapsed < self._next_s:
            return False
        self._next_s = elapsed + min(max(_FIRST_S, elapsed / 4), _RAREST_S)
        return True


def is_drawn() -> bool:
    """Whether progress can be drawn: on a terminal, or in a notebook."""
    console = Console(stderr=True)
    return console.is_terminal or console.is_jupyter


def track(items: Iterable[Item], description: str, *, total: int | None = None) -> Iterator[Item]:
    """Yield ``items``; draw a bar on stderr where that can be drawn, else log a line at times.

    Nothing is drawn where the logger's level is above INFO (``--quiet``), and every item has its
    line at DEBUG (``--verbose``).

    Args:
        items: What is worked on.
        description: Doing what, as ``predicting``.
        total: How many, where ``items`` does not know.

    Example:
        >>> list(track([1, 2], "counting"))
        [1, 2]
    """
    if not is_drawn():
        yield from _logged(items, description, total)
    elif _LOG.level > logging.INFO:  # asked to be quiet, not just left as it was
        yield from items
    else:
        yield from rich_track(items, description, total=total, console=Console(stderr=True))


def _logged(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    if total is None and isinstance(items, Sized):
        total = len(items)
    cadence = Cadence()
    for done, item in enumerate(items, 1):
        yield item
        level = logging.INFO if done != total and cadence.due() else logging.DEBUG
        if _LOG.isEnabledFor(level):
            _LOG.log(level, say_progress(description, done, total, cadence.elapsed_s))


def say_progress(description: str, done: int, total: int | None, elapsed_s: float) -> str:
    """Say how far something is.

    Example:
        >>> say_progress("predicting", 10, 40, 20.0)
        'predicting: 10 of 40, about 60 s left'
        >>> say_progress("predicting", 10, None, 20.0)
        'predicting: 10 after 20 s'
    """
    if total is None:
        return f"{description}: {done} after {duration(elapsed_s)}"
    left = elapsed_s / done * (total - done)
    return f"{description}: {done} of {total}, about {duration(left)} left"


class Pace:
    """Lines that say how far work by several has come, and what time is left.

    Args:
        doing: What is done.
        total: Of things that are counted.
        say: Receives lines; None says nothing.

    Example:
        >>> pace = Pace("predicting", 4, print)
        >>> pace.step("a to d", 4)
        predicting: 4 of 4 done (a to d)
    """

    def __init__(self, doing: str, total: int, say: Callable[[str], None] | None) -> None:
        self._doing, self._total, self._say = doing, total, say
        self._done = 0
        self._first: tuple[float, int] | None = None

    def step(self, name: str, count: int = 1, *, failed: bool = False) -> None:
        """Say that so many more are done, or that they failed."""
        self._done += count
        how = "failed: " if failed else ""
        left = self._left()
        self.note(f"{self._doing}: {self._done} of {self._total} done ({how}{name}){left}")

    def _left(self) -> str:
        """Say what time is left: as many a second as since the first were done."""
        now, rest = time.monotonic(), self._total - self._done
        if self._first is None:  # until then processes began and models were loaded
            self._first = now, self._done
            return ""
        begun, count = self._first
        seconds = (now - begun) / (self._done - count) * rest
        return f", about {duration(seconds)} left" if rest > 0 else ""

    def note(self, line: str) -> None:
        """Say something else."""
        if self._say is not None:
            self._say(line)


def duration(seconds: float) -> str:
    """Say a time as a person would.

    Example:
        >>> [duration(s) for s in (4.2, 150, 9000)]
        ['4 s', '2 min', '2.5 h']
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def peak_memory_gib() -> float:
    """Most memory that this process has held at once since it began.

    Example:
        >>> 0 < peak_memory_gib() < 1000
        True
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB here
