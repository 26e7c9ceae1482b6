"""Headers of text: their lines, and numbers that are numbers to every reader.

Readers in other languages stop at the first letter that they do not like (``1,5`` is 1) or take
more than is meant (``1_0`` is 10); here a word is a number as a whole, or the file is refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from segscope.errors import InputError

_LONGEST_LINE = 1 << 16
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_LARGEST_SIDE = 32767
ONE_SLICE = "two dimensions read as one slice, taken as 1 mm thick"
BLANKS = " \t"
"""What parts words; the no-break space, which Python would take too, does not."""


def header_lines(path: Path, data: bytes) -> Iterator[tuple[str, int]]:
    """Yield each line without its end, and where the next begins.

    A line ends with a line feed, or with carriage return and line feed. Text is UTF-8 or, where
    it is not, Latin-1.

    Raises:
        InputError: A line has no end, is very long, or holds bytes that are no text.
    """
    start = 0
    while start < len(data):
        end = data.find(b"\n", start, start + _LONGEST_LINE)
        if end < 0:
            raise InputError(f"{path}: its header does not end; copy it again")
        line = _text(data[start:end].removesuffix(b"\r"))
        if _CONTROL.search(line):
            raise InputError(f"{path}: bytes that are no text lie in its header; copy it again")
        start = end + 1
        yield line, start


def blank_parted(text: str) -> list[str]:
    """Part words at blanks and tabs.

    Example:
        >>> blank_parted(" 1\\t2  3 "), blank_parted("1\\xa02")
        (['1', '2', '3'], ['1\\xa02'])
    """
    return re.findall(r"[^ \t]+", text)


def numbers(path: Path, name: str, text: str, count: int) -> list[float]:
    """Read exactly ``count`` finite numbers parted by blanks.

    Example:
        >>> numbers(Path("a.mha"), "Offset", "1 -2.5 3e1", 3)
        [1.0, -2.5, 30.0]
        >>> numbers(Path("a.mha"), "Offset", "1,5 0 0", 3)
        Traceback (most recent call last):
        segscope.errors.InputError: a.mha: its Offset is '1,5 0 0', expected 3 numbers; mend it
    """
    words = blank_parted(text)
    found = [float(word) for word in words if _REAL.fullmatch(word)]
    if not len(words) == len(found) == count or any(abs(n) == float("inf") for n in found):
        expected = f"{count} numbers" if count > 1 else "a number"
        raise InputError(f"{path}: its {name} is {text!r}, expected {expected}; mend it")
    return found


def number(path: Path, name: str, text: str) -> float:
    """Read one finite number."""
    return numbers(path, name, text, 1)[0]


def integer(path: Path, name: str, text: str) -> int:
    """Read one whole number.

    Example:
        >>> integer(Path("a.mha"), "NDims", "3")
        3
    """
    word = text.strip(BLANKS)
    if not _INTEGER.fullmatch(word):
        raise InputError(f"{path}: its {name} is {text!r}, expected a whole number; mend it")
    return int(word)


def sides(path: Path, name: str, text: str, count: int) -> tuple[int, ...]:
    """Read how many voxels lie along each axis.

    Example:
        >>> sides(Path("a.mha"), "DimSize", "6 7 5", 3)
        (6, 7, 5)
    """
    words = blank_parted(text)
    found = [int(word) for word in words if _INTEGER.fullmatch(word)]
    if not len(words) == len(found) == count or any(
        not 1 <= side <= _LARGEST_SIDE for side in found
    ):
        raise InputError(
            f"{path}: its header says {name} {text!r}, expected {count} sides, each from 1 to "
            f"{_LARGEST_SIDE}; copy it again"
        )
    return tuple(found)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
