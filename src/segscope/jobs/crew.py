"""What those who do the work have in common: processes of this machine, or a cluster's."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Work = Callable[..., Any]
Item = tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """What became of one piece of work.

    Args:
        item: The piece.
        value: What the work returned.
        error: Why there is no value; empty where there is one.
        lost: Whoever did it died, as often as it was begun.
        bad_input: The work said that its input is not usable.
    """

    item: Item
    value: Any = None
    error: str = ""
    lost: bool = False
    bad_input: bool = False


class Crew(Protocol):
    """Those who do pieces of work.

    ``slots`` is how many at the same time; ``one_disk``, whether all see the same folders.
    """

    @property
    def slots(self) -> int: ...

    @property
    def one_disk(self) -> bool: ...

    def finished(self, work: Work, items: Sequence[Item], *, tries: int) -> Iterator[Done]:
        """Do ``work(*item)`` for all items and yield what became of each, as they come.

        Args:
            work: A module's function.
            items: Its arguments; they and what is returned can be pickled.
            tries: How often a piece is begun whose process or machine is lost.
        """
        ...


def share_of_cores(jobs: int) -> int:
    """Threads for each of several processes, at least one; ``OMP_NUM_THREADS`` is a limit.

    Example:
        >>> share_of_cores(10_000)
        1
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    cores = (os.cpu_count() or 1) // jobs
    return max(1, min(cores, int(limit)) if limit.isdecimal() else cores)


def set_threads(threads: int) -> None:
    """Let torch compute with so many threads in this process."""
    import torch

    torch.set_num_threads(threads)
