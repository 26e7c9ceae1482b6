"""Progress bars for long work: drawn on a terminal, silent anywhere else."""

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
