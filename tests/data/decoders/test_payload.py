"""Voxels behind a header: never more than it announces, and not fewer."""

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from segscope.data.decoders.payload import (
    GZIP,
    ZLIB,
    announced,
    bunzip,
    from_text,
    inflate,
    linear,
    rescaled,
)
from segscope.errors import InputError

FILE = Path("a.nrrd")
ABC = b"abcdefgh" * 4


@pytest.mark.parametrize(
    ("data", "wrapping"),
    [(gzip.compress(ABC), GZIP), (gzip.compress(ABC[:5]) + gzip.compress(ABC[5:]), GZIP),
     (zlib.compress(ABC), ZLIB)],
    ids=["gzip", "two members", "zlib"],
)  # fmt: skip
def test_packed_bytes_come_back(data, wrapping):
    assert inflate(FILE, memoryview(data), wrapping, 32) == ABC
    for damaged, words in ((data[:-3], "cut short|damaged"), (data + b"xyz", "bytes follow")):
        with pytest.raises(InputError, match=words):
            inflate(FILE, memoryview(damaged), wrapping, 32)


def test_bzip2_of_one_stream_or_two_comes_back():
    for data in (bz2.compress(ABC), bz2.compress(ABC[:9]) + bz2.compress(ABC[9:])):
        assert bunzip(FILE, memoryview(data), 32) == ABC
    with pytest.raises(InputError, match="3 bytes follow"):
        bunzip(FILE, memoryview(bz2.compress(ABC) + b"xyz"), 32)
    with pytest.raises(InputError, match="cut short"):
        bunzip(FILE, memoryview(bz2.compress(ABC)[:-4]), 32)
    with pytest.raises(InputError, match="it is not an image"):
        bunzip(FILE, memoryview(bz2.compress(ABC)), 1 << 31)


def test_a_zip_bomb_ends_at_what_was_announced():
    assert len(inflate(FILE, memoryview(gzip.compress(bytes(1 << 20))), GZIP, 100)) == 101
    assert len(bunzip(FILE, memoryview(bz2.compress(bytes(1 << 20))), 100)) == 101


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [(b"1 2", "u1", "2 numbers of voxels, its header announces 3"), (b"1 2 3 4", "u1", "4 numbers"),
     (b"1 2 256", "u1", "cannot hold"), (b"1 2 -1", "u1", "cannot hold"),
     (b"1 2 3.0", "i2", "is no int16"), (b"1 2 0x3", "f4", "is no float32")],
)  # fmt: skip
def test_text_that_is_not_those_numbers_is_refused(text, kind, words):
    with pytest.raises(InputError, match=words):
        from_text(FILE, memoryview(text), np.dtype(kind), 3)


def test_text_is_numbers():
    found = from_text(FILE, memoryview(b"1.5\n-inf\tNaN"), np.dtype("f4"), 3)
    np.testing.assert_array_equal(found, np.float32([1.5, -np.inf, np.nan]))
    assert from_text(FILE, memoryview(b"-128 127"), np.dtype("i1"), 2).tolist() == [-128, 127]


def test_what_no_machine_holds_is_refused():
    assert announced(FILE, (3, 4, 5), np.dtype("f8")) == 480
    with pytest.raises(InputError, match="announces 35184372088832 bytes"):
        announced(FILE, (1 << 14, 1 << 14, 1 << 14), np.dtype("f8"))


@pytest.mark.parametrize(("slope", "offset"), [(0, 1), (np.nan, 0), (1, np.inf)])
def test_a_rescaling_that_is_none_is_refused(slope, offset):
    with pytest.raises(InputError, match="a slope other than 0"):
        rescaled(FILE, np.zeros(2, np.int16), slope, offset)


def test_rescaling_keeps_what_it_does_not_change_and_the_type_that_holds_it():
    stored = np.array([1, 3], np.int16)
    assert rescaled(FILE, stored, 1, 0) is stored
    assert linear(stored, 2, -1).dtype == np.float32
    assert linear(stored, 2, -1).tolist() == [1, 5]
    assert linear(stored, 1e30, 0).dtype == np.float64
    assert linear(stored.astype(np.int64), 2, 0).dtype == np.float64
