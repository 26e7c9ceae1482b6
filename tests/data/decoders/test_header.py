"""Headers of text: lines, and numbers that are numbers to every reader."""

from pathlib import Path

import pytest

from segscope.data.decoders.header import header_lines, integer, number, numbers, sides
from segscope.errors import InputError

FILE = Path("a.mha")


def test_lines_end_in_both_ways_and_say_where_the_next_begins():
    found = list(header_lines(FILE, b"one\r\ntwo\n\nm\xc3\xbc\n\xb5m\n"))
    assert found == [("one", 5), ("two", 9), ("", 10), ("mü", 14), ("µm", 17)]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"a\nno end", "does not end"), (b"x" * (1 << 16) + b"\n", "does not end"),
     (b"a\0b\n", "no text"), (b"a\rb\n", "no text")],
    ids=["no end", "long", "zero", "carriage return"],
)  # fmt: skip
def test_what_is_no_text_is_refused(data, words):
    with pytest.raises(InputError, match=f"^a.mha: .*{words}"):
        list(header_lines(FILE, data))


@pytest.mark.parametrize("text", ["1 2", "1 2 3 4", "1,5 2 3", "1_0 2 3", "nan 2 3", "inf 2 3",
                                  "1e999 2 3", "0x1 2 3", "1\xa02 3 4", "", "1. . 3"])  # fmt: skip
def test_what_is_not_three_finite_numbers_is_refused(text):
    with pytest.raises(InputError, match=r"its Offset is .* expected 3 numbers"):
        numbers(FILE, "Offset", text, 3)


def test_numbers_in_all_their_spellings():
    assert numbers(FILE, "Offset", "+1. .5\t-2E-1", 3) == [1.0, 0.5, -0.2]
    assert number(FILE, "x", " 7 ") == 7.0


@pytest.mark.parametrize("text", ["3.0", "", "1 2", "1_0", "0x3", "1" * 19])
def test_whole_numbers_have_no_point(text):
    with pytest.raises(InputError, match="expected a whole number"):
        integer(FILE, "NDims", text)


@pytest.mark.parametrize("text", ["0 1 1", "-1 1 1", "32768 1 1", "1.0 1 1", "1 1", "1 1 1 1"])
def test_sides_are_from_1_to_32767(text):
    assert sides(FILE, "DimSize", "1 32767 2", 3) == (1, 32767, 2)
    with pytest.raises(InputError, match="expected 3 sides"):
        sides(FILE, "DimSize", text, 3)
