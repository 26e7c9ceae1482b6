"""What long work says: a bar on a terminal or in a notebook, lines in a log file; and memory.

Lines go to the logger ``segscope.progress`` (the command line prints them on stderr), so that a job
on a cluster shows how far it is, and a Python program hears nothing that it did not ask for.
"""

import logging
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")

_LOG = logging.getLogger(__name__)
_FIRST_S, _RAREST_S = 10.0, 120.0


class Pace:
    """Tells when a line is due: after ten seconds, then more rarely, at least every two minutes.

    Example:
        >>> Pace().due()
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


def as_clock(seconds: float) -> str:
    """Write a time span as a clock does.

    Example:
        >>> as_clock(35.4), as_clock(3725)
        ('0:35', '1:02:05')
    """
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


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
    pace = Pace()
    for done, item in enumerate(items, 1):
        yield item
        level = logging.INFO if done != total and pace.due() else logging.DEBUG
        if _LOG.isEnabledFor(level):
            _LOG.log(level, say_progress(description, done, total, pace.elapsed_s))


def say_progress(description: str, done: int, total: int | None, elapsed_s: float) -> str:
    """Say how far something is.

    Example:
        >>> say_progress("predicting", 10, 40, 20.0)
        'predicting: 10 of 40, 1:00 left'
        >>> say_progress("predicting", 10, None, 20.0)
        'predicting: 10 after 0:20'
    """
    if total is None:
        return f"{description}: {done} after {as_clock(elapsed_s)}"
    left = elapsed_s / done * (total - done)
    return f"{description}: {done} of {total}, {as_clock(left)} left"


def peak_memory_gib() -> float:
    """Most memory that this process has held at once since it began.

    Example:
        >>> 0 < peak_memory_gib() < 1000
        True
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB here
