"""The same work on many items with a few threads; results come in the items' order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Iterator[Result]:
    """Yield ``work(item)`` in order, so that the number of threads changes nothing but the time.

    At most two items per thread are begun ahead: memory stays bounded, and an error or an
    interruption stops the rest.

    Example:
        >>> list(in_order(lambda x: x * x, range(5), workers=2))
        [0, 1, 4, 9, 16]
    """
    if workers <= 1:
        yield from map(work, items)
        return
    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) >= 2 * workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def reading_workers(file_ending: str) -> int:
    """How many threads read files of this kind.

    Two where the reader spends its time in decompression that runs beside Python; one for plane
    images, whose decoder sets Python's warning filters, which threads share.
    """
    return min(2, os.cpu_count() or 1) if file_ending.lower().endswith(".gz") else 1
