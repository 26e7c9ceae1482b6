"""Directories of tags, and the orientation that counts."""

import struct

import pytest
from PIL import Image

from segscope.data.decoders.exif import (
    TagError,
    exif_orientation,
    not_square,
    one_orientation,
    read_directory,
    read_head,
    whole,
)


def directory(order, entries, *, following=0):
    """A classic TIFF directory behind the head; entries are (number, kind, count, 4 bytes)."""
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(f"{order}HI", 42, 8)
    body = b"".join(struct.pack(f"{order}HHI", n, k, c) + raw for n, k, c, raw in entries)
    return (
        head + struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}I", following)
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_are_read_in_both_byte_orders(order):
    raw = struct.pack(f"{order}HH", 6, 0)
    data = directory(
        order, [(274, 3, 1, raw), (274, 3, 1, raw), (305, 2, 3, b"ab\0\0")], following=9
    )
    found = read_directory(data, read_head(data), 8)
    assert found.tags[274].integers() == (6,)
    assert found.tags[305].text() == "ab"
    assert (len(found.repeated), found.following, found.start) == (1, 9, 8)
    assert found.end == len(data)
    assert exif_orientation(data) == (6, ())


def test_fractions_are_divided_and_one_over_nothing_is_zero():
    data = directory("<", [(282, 5, 2, struct.pack("<I", 26))]) + struct.pack("<4I", 3, 2, 1, 0)
    tag = read_directory(data, read_head(data), 8).tags[282]
    assert (tag.where, tag.numbers()) == (26, (1.5, 0.0))
    with pytest.raises(TagError, match="whole number"):
        tag.integers()


def test_values_beyond_the_data_are_not_whole():
    data = directory("<", [(282, 5, 2, struct.pack("<I", 26))]) + bytes(15)
    assert not whole(read_directory(data, read_head(data), 8).tags[282])


@pytest.mark.parametrize("start", [0, 7, 10_000])
def test_a_directory_outside_of_the_data_is_refused(start):
    data = directory("<", [])
    with pytest.raises(TagError, match=f"its directory lies at {start}"):
        read_directory(data, read_head(data), start)


@pytest.mark.parametrize("data", [b"", b"XX*\0\x08\0\0\0", b"II*\0", b"II+\0\x04\0\0\0" + bytes(8)])
def test_what_is_no_tiff_is_refused(data):
    with pytest.raises(TagError, match="is not TIFF"):
        read_head(data)


@pytest.mark.parametrize("value", range(1, 9))
def test_orientations_that_pillow_writes(value):
    exif = Image.Exif()
    exif[274] = value
    assert exif_orientation(exif.tobytes().removeprefix(b"Exif\0\0")) == (value, ())


def test_an_orientation_of_two_numbers_is_not_seen_and_that_is_said():
    data = directory("<", [(274, 3, 2, struct.pack("<HH", 6, 6))])
    value, (said,) = exif_orientation(data)
    assert value is None
    assert "an orientation in it is not seen" in said


def test_the_first_of_several_counts_and_xmps_own_does_not():
    assert one_orientation([None, 6, 6], b"") == (6, ())
    assert one_orientation([3, 6], b"")[0] == 3
    assert "(3, 6)" in one_orientation([3, 6], b"")[1][0]
    assert one_orientation([None], b'tiff:Orientation="8"') == (
        None, ("its XMP text has the orientation 8, which viewers do not apply",)
    )  # fmt: skip
    assert one_orientation([None], b"<tiff:Orientation>1<") == (None, ())


@pytest.mark.parametrize(("across", "down", "said"), [(300, 300, 0), (300, 298, 0), (300, 150, 1),
                                                      (0, 1, 0), (-1, 3, 0)])  # fmt: skip
def test_pixels_that_are_not_square_are_said(across, down, said):
    assert len(not_square(across, down)) == said
