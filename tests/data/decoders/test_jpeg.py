"""JPEG against Pillow and libjpeg, and what is refused of it."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.errors import InputError
from tests.data.decoders.jpeg_files import (
    COLOUR,
    PLAIN,
    RESTARTS,
    SOFT,
    decoded,
    inserted,
    mpo,
    saved,
    segment,
)

GREY = COLOUR[..., 0]


@pytest.mark.parametrize(
    "options",
    [
        {}, {"quality": 100, "subsampling": 0}, {"subsampling": 1}, {"subsampling": 2},
        {"progressive": True}, {"restart_marker_blocks": 1}, {"restart_marker_rows": 1},
        {"optimize": True}, {"progressive": True, "restart_marker_rows": 1}, {"keep_rgb": True},
        {"dpi": (300, 300)}, {"comment": b"a text"}, {"icc_profile": bytes(70000)},
    ],
    ids=[
        "plain", "fine", "4:2:2", "4:2:0", "progressive", "restarts", "rows of restarts",
        "own tables", "progressive restarts", "RGB", "dpi", "comment", "profile",
    ],
)  # fmt: skip
@pytest.mark.parametrize("array", [GREY, COLOUR, COLOUR[:1, :1], COLOUR[:17, :33]],
                         ids=["grey", "colour", "one pixel", "odd"])  # fmt: skip
def test_pictures_are_read_as_pillow_reads_them(options, array):
    if array.ndim == 2:  # has no colours to be kept or thinned out
        options = {k: v for k, v in options.items() if k not in ("keep_rgb", "subsampling")}
    data = saved(array, **options)
    found = decoded(data)
    theirs = np.atleast_3d(np.asarray(PillowImage.open(io.BytesIO(data))))
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), theirs)
    assert found.notes == ()


def test_a_label_map_is_refused():
    with pytest.raises(InputError, match=r"JPEG, which changes labels.*\.png"):
        decoded(saved(GREY), stored=True)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_picture_is_turned_as_viewers_turn_it(value):
    from PIL import ImageOps

    exif = PillowImage.Exif()
    exif[274] = value
    data = saved(COLOUR, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(PillowImage.open(io.BytesIO(data))))
    found = decoded(data)
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), expected)
    assert any(f"orientation tag {value}" in note for note in found.notes) == (value > 1)


@pytest.mark.parametrize(
    "data",
    [mpo(COLOUR[::4, ::4]), PLAIN + saved(GREY[::2, ::2]), mpo()[: -len(saved(COLOUR[::-1]))]],
    ids=["a preview", "a brightness map unsaid", "a preview that was cut off"],
)
def test_a_photo_is_read_beside_its_smaller_pictures(data):
    found = decoded(data)
    with PillowImage.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(found.array, np.moveaxis(np.asarray(picture), -1, 0))
    assert found.notes == ("smaller pictures beside it are not read",)


def test_a_film_behind_a_photo_is_no_second_picture():
    film = b"\0\0\0\x18ftypmp42" + bytes(9) + b"\xff\xd8\xff\x17" + bytes(9) + b"\xff\xd8\xff"
    found = decoded(PLAIN + film)
    assert found.notes == (f"{len(film)} bytes after its end are not read",)


def test_a_picture_whose_last_pixel_is_the_codecs_grey_is_read():
    flat = np.full((20, 20, 3), 128, np.uint8)
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 1}):
        np.testing.assert_array_equal(decoded(saved(flat, **options)).array, 128)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN + bytes(5), "5 bytes after its end"),
        (saved(COLOUR, dpi=(100, 200)), "not square"),
        (inserted(PLAIN, segment(0xE1, b"Exif\0\0broken")), "cannot be read"),
        (inserted(PLAIN, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'>")),
         "XMP"),
    ],
    ids=["bytes behind", "aspect", "broken EXIF", "XMP"],
)  # fmt: skip
def test_what_is_not_applied_is_said(data, words):
    found = decoded(data)
    assert found.array.shape == (3, *COLOUR.shape[:2])
    assert words in " ".join(found.notes)


def test_damage_is_refused_or_read_as_pillow_reads_it():
    """There is no checksum: a changed bit may change pixels; nothing but a refusal is raised."""
    random = np.random.default_rng(1)
    for data in (PLAIN, SOFT, RESTARTS):
        for _ in range(60):
            bad = bytearray(data)
            bad[int(random.integers(2, len(bad)))] ^= 1 << int(random.integers(8))
            try:
                found = decoded(bytes(bad))
            except InputError:
                continue
            theirs = np.asarray(PillowImage.open(io.BytesIO(bytes(bad))))
            np.testing.assert_array_equal(found.array, np.moveaxis(np.atleast_3d(theirs), -1, 0))
        for length in range(len(data)):
            with pytest.raises(InputError):
                decoded(data[:length])
