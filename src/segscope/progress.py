"""What long work says: progress on a terminal (silent anywhere else), and memory."""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, *, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` and draw a progress bar on stderr when that is a terminal.

    Example:
        >>> list(track([1, 2], "counting"))
        [1, 2]
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    yield from rich_track(items, description, total=total, console=console)


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
