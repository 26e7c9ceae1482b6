"""Many cases cut into pieces, a few for each process: a model is loaded once and shown many."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from segscope.jobs.crew import Crew, Done, Work
from segscope.progress import Pace, track

_PIECES_PER_SLOT = 4


class Named(Protocol):
    """A case."""

    @property
    def name(self) -> str: ...


AnyCase = TypeVar("AnyCase", bound=Named)


def cut(cases: Sequence[AnyCase], pieces: int) -> list[tuple[AnyCase, ...]]:
    """Cut into pieces of equal size but for one case, in order; no piece is empty.

    Example:
        >>> [len(piece) for piece in cut("abcdefg", 3)]
        [3, 2, 2]
    """
    count = max(1, min(pieces, len(cases)))
    size, rest = divmod(len(cases), count)
    ends = [k * size + min(k, rest) for k in range(count + 1)]
    found = (tuple(cases[a:b]) for a, b in pairwise(ends))
    return [piece for piece in found if piece]


def run_pieces(
    crew: Crew,
    work: Work,
    common: tuple[Any, ...],
    cases: Sequence[AnyCase],
    *,
    doing: str,
    say: Callable[[str], None] | None = None,
) -> Iterator[tuple[tuple[AnyCase, ...], Done]]:
    """Do ``work(*common, piece)`` for pieces of the cases; yield each piece as it is done.

    The cases of a piece whose process or machine is lost are done again one at a time, so that one
    that nobody survives takes no other with it.

    Args:
        crew: Who does it.
        work: A module's function.
        common: Its arguments but the last.
        cases: All of them.
        doing: For progress.
        say: Receives a line per piece, with the time that is left.

    Yields:
        Cases and what became of them: each case once.
    """
    pieces = cut(cases, _PIECES_PER_SLOT * crew.slots)
    pace = Pace(doing, len(cases), say)
    alone: list[tuple[AnyCase, ...]] = []
    for done in track(_of(crew, work, common, pieces, tries=1), doing, total=len(pieces)):
        piece = done.item[-1]
        if done.lost:
            alone += [(case,) for case in piece]
            pace.note(f"{_names(piece)}: {done.error}; done again, case by case")
            continue
        pace.step(_names(piece), len(piece), failed=bool(done.error))
        yield piece, done
    for done in _of(crew, work, common, alone, tries=2):
        pace.step(_names(done.item[-1]), failed=bool(done.error))
        yield done.item[-1], done


def _of(
    crew: Crew, work: Work, common: tuple[Any, ...], pieces: Sequence[Any], *, tries: int
) -> Iterator[Done]:
    if pieces:
        yield from crew.finished(work, [(*common, piece) for piece in pieces], tries=tries)


def _names(piece: Sequence[Named]) -> str:
    return piece[0].name if len(piece) == 1 else f"{piece[0].name} to {piece[-1].name}"
