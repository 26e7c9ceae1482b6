"""Cases in pieces: who dies takes no other case along."""

from dataclasses import dataclass

import pytest

from segscope.jobs import Done, cut, run_pieces


@dataclass(frozen=True)
class Named:
    name: str


@dataclass
class Crew:
    """Does the work here; one that is shown ``deadly`` dies, so often as it is begun."""

    slots: int
    deadly: str = ""
    deaths: int = 99
    one_disk: bool = True

    def finished(self, work, items, *, tries):
        for item in reversed(items):  # in any order
            for _ in range(tries):
                if self.deaths and self.deadly in [case.name for case in item[-1]]:
                    self.deaths -= 1
                    done = Done(item, error="died", lost=True)
                else:
                    done = Done(item, work(*item))
                    break
            yield done


def upper(sign, piece):
    return [sign + case.name.upper() for case in piece]


CASES = [Named(letter) for letter in "abcdefg"]


@pytest.mark.parametrize(
    ("pieces", "sizes"),
    [(1, [7]), (2, [4, 3]), (7, [1] * 7), (50, [1] * 7)],
    ids=["one", "two", "all", "more than there are"],
)
def test_pieces_are_in_order_and_of_one_size(pieces, sizes):
    found = cut(CASES, pieces)
    assert [len(piece) for piece in found] == sizes
    assert [case for piece in found for case in piece] == CASES


def test_nothing_makes_no_piece():
    assert cut([], 3) == []


def done_by(crew, lines):
    return {
        case.name: done.error or done.value[k]
        for piece, done in run_pieces(crew, upper, ("!",), CASES, doing="x", say=lines.append)
        for k, case in enumerate(piece)
    }


def test_every_case_is_done_once_and_said():
    lines = []
    found = done_by(Crew(slots=1), lines)
    assert found == {letter: "!" + letter.upper() for letter in "abcdefg"}
    assert lines[0] == "x: 1 of 7 done (g)"
    assert lines[-1] == "x: 7 of 7 done (a to b)"
    assert len(lines) == 4


def test_a_piece_that_was_lost_once_is_done_again():
    found = done_by(Crew(slots=1, deadly="b", deaths=1), [])
    assert found["a"] == "!A"
    assert found["b"] == "!B"


def test_of_a_piece_that_is_lost_again_only_the_deadly_case_fails():
    lines = []
    found = done_by(Crew(slots=1, deadly="b"), lines)
    assert found == {letter: "!" + letter.upper() for letter in "acdefg"} | {"b": "died"}
    assert "a to b: died; done again, case by case" in lines
    assert "x: 6 of 7 done (failed: b)" in [line.partition(", about")[0] for line in lines]
