"""What long work says: progress on a terminal (silent anywhere else), and memory."""

import resource
import sys
from collections.abc import Iterable, Iterator
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


def peak_memory_gib() -> float:
    """Most memory that this process has held at once since it began.

    Example:
        >>> 0 < peak_memory_gib() < 1000
        True
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB here
