"""Bytes to samples: sizes, inflating, packed bits."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from segscope.data.decoders.samples import check_size, inflated, unpacked
from segscope.errors import InputError

FILE = Path("a.png")


@pytest.mark.parametrize("rows", [0, -1, 32768])
def test_sides_that_none_should_have_are_refused(rows):
    check_size(FILE, 32767, 8192)
    for sides in ((rows, 1), (1, rows)):
        with pytest.raises(InputError, match="sides of 1 to 32767"):
            check_size(FILE, *sides)


def test_more_pixels_than_memory_should_hold_are_refused():
    check_size(FILE, 1 << 14, 1 << 14)
    with pytest.raises(InputError, match="at most 268435456 are read"):
        check_size(FILE, 1 << 14, (1 << 14) + 1)


@pytest.mark.parametrize(
    ("data", "size", "words"),
    [
        (b"", 3, "no zlib data"),
        (b"\x1f\x8b abc", 3, "no zlib data"),
        (zlib.compress(b"abc"), 4, "holds 3 bytes of pixels where its header announces 4"),
        (zlib.compress(b"abcd"), 3, "more than the 3 bytes"),
        (zlib.compress(bytes(range(200)))[:-20], 200, "cut short"),
        (zlib.compress(b"abc")[:-1] + b"x", 3, "damaged"),
        (zlib.compress(b"abc") + b"xy", 3, "2 bytes follow"),
        (zlib.compress(b"abc"), 1 << 20, "more than its 11 compressed bytes can hold"),
    ],
    ids=["none", "gzip", "less", "more", "cut", "checksum", "followed", "bomb"],
)
def test_pixels_are_as_many_as_announced_and_whole(data, size, words):
    with pytest.raises(InputError, match=f"^a.png: .*{words}"):
        inflated(FILE, data, size)


def test_zeros_behind_the_pixels_do_no_harm():
    assert inflated(FILE, zlib.compress(b"abc") + b"\0\0", 3) == b"abc"


@pytest.mark.parametrize("bits", range(1, 17))
def test_samples_are_those_that_a_string_of_bits_gives(bits):
    count = 5
    width = -(-bits * count // 8)
    lines = np.random.default_rng(bits).integers(0, 256, (3, width), dtype=np.uint8)
    texts = ["".join(f"{byte:08b}" for byte in line) for line in lines]
    expected = [[int(t[k * bits : (k + 1) * bits], 2) for k in range(count)] for t in texts]
    assert unpacked(lines, count, bits).tolist() == expected
