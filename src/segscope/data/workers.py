"""The same work on many items with a few threads; results come in the items' order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from segscope.paths import is_file

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOOKED_AT = 32
_LARGE_BYTES = 500_000


def ordered_map(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Iterator[Result]:
    """Yield ``work(item)`` in order, so that the number of threads changes nothing but the time.

    At most two items per thread are begun ahead: memory stays bounded, and an error or an
    interruption stops the rest.

    Example:
        >>> list(ordered_map(lambda x: x * x, range(5), workers=2))
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


def reading_workers(files: Sequence[Path]) -> int:
    """How many threads read these files.

    Two where reading is mostly decompression, which runs beside Python: ``.gz`` files of half a
    megabyte or more on average. Small files are mostly Python, where threads only wait for each
    other; the decoder of plane images sets Python's warning filters, which threads share.

    Example:
        >>> reading_workers([])
        1
    """
    sizes = [_size(file) for file in files[:_LOOKED_AT] if is_file(file)]
    looked = files[:_LOOKED_AT]
    if not sizes or not all(f.name.lower().endswith(".gz") for f in looked if is_file(f)):
        return 1
    return min(2, os.cpu_count() or 1) if sum(sizes) / len(sizes) >= _LARGE_BYTES else 1


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it has just gone; whoever reads it will say so
        return 0
