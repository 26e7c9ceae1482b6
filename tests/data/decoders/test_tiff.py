"""TIFF against bytes made by hand, and against tifffile and Pillow."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.errors import InputError
from tests.data.decoders.tiff_files import GREY, decoded, refused, written
from tests.plane_files import tiff

COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], -1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("extra", [0, 1, 2], ids=["unsaid", "multiplied", "plain"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_an_opaque_alpha_channel_is_dropped_and_a_transparent_one_refused(kind, extra, colour):
    full = 1.0 if kind == np.float32 else np.iinfo(kind).max
    plain = (COLOUR if colour else GREY[..., None]).astype(kind)
    opaque = np.concatenate([plain, np.full_like(plain[..., :1], full)], -1)
    tags = {338: (3, [extra]), 262: (3, [2 if colour else 1])}
    if kind == np.float32:
        tags[339] = (3, [3] * opaque.shape[2])
    bits = opaque.dtype.itemsize * 8
    found = decoded(tiff(opaque, tags, bits=bits))
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), plain)
    assert found.notes == ("opaque alpha channel dropped",)
    opaque[3, 4, -1] -= np.array(0.5 if kind == np.float32 else 1).astype(kind)
    refused(tiff(opaque, tags, bits=bits), "transparent")
    refused(tiff(opaque, tags, bits=bits), "transparent", stored=True)


@pytest.mark.parametrize("compression", [None, "jpeg"], ids=["none", "JPEG"])
def test_luminance_and_chrominance_become_rgb(compression):
    colour = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8),
                     np.ones((16, 16, 1), np.uint8))  # fmt: skip
    if compression:
        data = written(colour, photometric="ycbcr", compression="jpeg")
        expected = np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))
    else:
        picture = PillowImage.fromarray(colour)
        data = written(np.asarray(picture.convert("YCbCr")), photometric="ycbcr")
        expected = np.asarray(picture.convert("YCbCr").convert("RGB"))
    found = np.moveaxis(decoded(data).array, 0, -1)
    assert int(np.abs(found.astype(int) - expected).max()) <= (6 if compression else 1)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_picture_is_turned_as_viewers_turn_it(value):
    data = tiff(GREY, {274: (3, [value])})
    expected = np.asarray(PillowImage.open(io.BytesIO(data)))  # turns by itself
    for stored in (False, True):
        found = decoded(data, stored=stored)
        np.testing.assert_array_equal(found.array[0], expected)
        assert any(f"orientation tag {value}" in note for note in found.notes) == (value > 1)


@pytest.mark.parametrize("compression", ["zlib", "lzma", "zstd", "packbits", "lzw", "jpeg",
                                         "jpeg2000", "webp", None])  # fmt: skip
def test_damage_is_an_error_of_the_file_and_never_a_crash(compression):
    random = np.random.default_rng(4)
    array = random.integers(0, 255, (20, 20, 3), dtype=np.uint8)
    data = written(array, compression=compression, photometric="rgb")
    good = decoded(data).array
    start = data.index(b"tifffile.py") + 12
    seen = changed = 0
    for _ in range(60):
        bad = bytearray(data)
        bad[int(random.integers(start, len(data)))] ^= 1 << int(random.integers(8))
        try:
            same = np.array_equal(decoded(bytes(bad)).array, good)
        except InputError:
            same = True
            seen += 1
        changed += not same
    if compression in ("zlib", "lzma"):  # these have a checksum
        assert changed == 0
        assert seen > 50
    for length in range(len(data) - 40, len(data)):
        with pytest.raises(InputError):
            decoded(data[:length])
    with pytest.raises(InputError):
        decoded(data[: len(data) // 2])


def test_a_broken_exif_directory_does_no_harm():
    for tag in ((4, [99999]), (2, b"abcde"), (4, [3])):
        np.testing.assert_array_equal(decoded(tiff(GREY, {34665: tag})).array[0], GREY)
