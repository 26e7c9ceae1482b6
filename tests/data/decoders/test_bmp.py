"""BMP against bytes made by hand and against Pillow."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data.decoders.bmp import FIELDS
from segscope.errors import InputError
from tests.data.decoders.bmp_files import COLOURS, RANDOM, RUNS_8, decoded, pillow
from tests.plane_files import bmp, packed

GREY = RANDOM.integers(0, 256, (5, 7))


def refused(data, words):
    with pytest.raises(InputError, match=words) as caught:
        decoded(data)
    assert str(caught.value).startswith("a.bmp: ")
    assert "\n" not in str(caught.value)


def test_every_field_of_the_headers_is_accounted_for():
    windows = """bfType bfSize bfReserved1 bfReserved2 bfOffBits bcSize biWidth biHeight biPlanes
        biBitCount biCompression biSizeImage biXPelsPerMeter biYPelsPerMeter biClrUsed
        biClrImportant bV4RedMask bV4GreenMask bV4BlueMask bV4AlphaMask bV4CSType bV4Endpoints
        bV4GammaRed bV4GammaGreen bV4GammaBlue bV5Intent bV5ProfileData bV5ProfileSize bV5Reserved
        palette"""
    assert set(FIELDS) == set(windows.split()) | {"OS/2 extension"}
    assert all(field.why for field in FIELDS.values())


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize(
    ("size", "downwards"),
    [*((size, False) for size in (12, 40, 64, 108, 124)), (40, True), (124, True)],
)
def test_palettes_are_colours_for_images_and_indices_for_labels(bits, size, downwards):
    indices = GREY % 2**bits
    table = COLOURS[: 2**bits]
    data = bmp(
        packed(indices if downwards else indices[::-1], bits), 7, -5 if downwards else 5, bits,
        palette=(table[:, :3] if size == 12 else table).tobytes(), size=size,
    )  # fmt: skip
    image = decoded(data)
    np.testing.assert_array_equal(image.array, table[:, 2::-1].T[:, indices])
    np.testing.assert_array_equal(image.array, pillow(data))
    assert image.notes == ("palette replaced by its colours",)
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], indices)
    assert "indices" in label.notes[0]


def test_a_grey_scale_is_grey():
    scale = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, 1)
    for stored in (False, True):
        found = decoded(bmp(packed(GREY[::-1], 8), 7, 5, 8, palette=scale.tobytes()), stored=stored)
        np.testing.assert_array_equal(found.array[0], GREY)
        assert found.notes == ()
    two = bmp(packed(GREY[::-1] % 2, 1), 7, 5, 1, palette=bytes([0, 0, 0, 0, 255, 255, 255, 0]))
    np.testing.assert_array_equal(decoded(two).array[0], GREY % 2 * 255)
    np.testing.assert_array_equal(decoded(two, stored=True).array[0], GREY % 2)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_pictures_of_pillow_come_back(mode):
    picture = PillowImage.fromarray(RANDOM.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    picture = picture.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, "bmp")
    found = decoded(stream.getvalue()).array
    np.testing.assert_array_equal(np.broadcast_to(found, (3, 6, 9)), pillow(stream.getvalue()))


@pytest.mark.parametrize("fourth", [0, 255])
def test_colours_of_24_and_32_bits(fourth):
    colour = RANDOM.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    expected = np.moveaxis(colour[::-1, :, ::-1], -1, 0)
    data = bmp([bytes(row) for row in colour.reshape(5, -1)], 7, 5, 24)
    np.testing.assert_array_equal(decoded(data).array, expected)
    wide = np.dstack([colour, np.full((5, 7), fourth, np.uint8)])
    found = decoded(bmp([bytes(row) for row in wide.reshape(5, -1)], 7, 5, 32))
    np.testing.assert_array_equal(found.array, expected)
    assert found.notes == (("opaque alpha channel dropped",) if fourth else ())
    wide[2, 3, 3] = 7
    refused(bmp([bytes(row) for row in wide.reshape(5, -1)], 7, 5, 32), "transparent")


V4_MASKS = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)


@pytest.mark.parametrize("size", [56, 108, 124])
def test_bit_fields_of_8_bits_with_opacity(size):
    rgba = RANDOM.integers(0, 256, (5, 7, 4)).astype(np.uint8)
    rgba[..., 3] = 255
    rows = [bytes(row) for row in rgba.reshape(5, -1)]
    found = decoded(bmp(rows, 7, 5, 32, packing=3, masks=V4_MASKS, size=size))
    np.testing.assert_array_equal(found.array, np.moveaxis(rgba[::-1, :, :3], -1, 0))
    assert found.notes == ("opaque alpha channel dropped",)
    rgba[0, 0, 3] = 254
    rows = [bytes(row) for row in rgba.reshape(5, -1)]
    refused(bmp(rows, 7, 5, 32, packing=3, masks=V4_MASKS, size=size), "transparent")


@pytest.mark.parametrize(
    ("packing", "masks", "depths"),
    [(0, b"", (5, 5, 5)), (3, struct.pack("<3I", 0xF800, 0x7E0, 0x1F), (5, 6, 5)),
     (3, struct.pack("<3I", 0x7C00, 0x3E0, 0x1F), (5, 5, 5))],
    ids=["unsaid", "565", "555"],
)  # fmt: skip
def test_bit_fields_of_fewer_bits_are_brought_to_8_as_pillow_does(packing, masks, depths):
    pixels = RANDOM.integers(0, 1 << sum(depths), (5, 7)).astype("<u2")
    data = bmp([row.tobytes() for row in pixels], 7, 5, 16, packing=packing, masks=masks)
    found = decoded(data)
    np.testing.assert_array_equal(found.array, pillow(data))
    assert "brought to 8" in found.notes[0]
    label = decoded(data, stored=True).array
    blue = pixels[::-1] & 31
    red = pixels[::-1] >> sum(depths[1:])
    np.testing.assert_array_equal(label[[0, 2]], [red, blue])


def test_bit_fields_of_10_bits_keep_them():
    masks = struct.pack("<3I", 0x3FF00000, 0xFFC00, 0x3FF)
    values = RANDOM.integers(0, 1024, (3, 5, 7))
    pixels = ((values[0] << 20) | (values[1] << 10) | values[2]).astype("<u4")
    found = decoded(bmp([row.tobytes() for row in pixels[::-1]], 7, 5, 32, packing=3, masks=masks))
    assert found.array.dtype == np.uint16
    np.testing.assert_array_equal(found.array, values)


ROWS = packed(GREY, 8)
PALETTE = COLOURS.tobytes()
GOOD = bmp(ROWS, 7, 5, 8, palette=PALETTE)


def patched(offset, code, value, data=GOOD):
    changed = bytearray(data)
    struct.pack_into(code, changed, offset, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GOOD[:-1], "cut short"),
        (GOOD[: len(GOOD) // 2], "cut short"),
        (GOOD[:20], "cut short"),
        (bmp(ROWS[:-1], 7, 5, 8, palette=PALETTE, announced=0), "cut short: 40 bytes"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, offset=20), "inside its header"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, offset=500), "reaches into its pixels"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, offset=99999), "beyond its end"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, image_size=39), "cut short"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, used=300), "300 colours"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE[:8], used=2), "index"),
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, behind=bytes(64)), "room for another"),
        (bmp(ROWS, 0, 5, 8, palette=PALETTE), "sides"),
        (bmp(ROWS, -7, 5, 8, palette=PALETTE), "sides"),
        (bmp(ROWS, 40000, 5, 8, palette=PALETTE), "sides"),
        (bmp(ROWS, 7, 5, 2, palette=PALETTE), "not read"),
        (bmp(ROWS, 7, 5, 8, packing=4, palette=PALETTE), "compression 4"),
        (patched(26, "<H", 2), "2 planes"),
        (patched(14, "<I", 41), "41 bytes"),
        (b"BA" + GOOD[2:], "is not BMP"),
        (bmp(RUNS_8[:-2], 7, 3, 8, packing=1, palette=PALETTE), "cut short"),
        (bmp(RUNS_8, 7000, 9000, 8, packing=1, palette=PALETTE), "too few"),
        (bmp(RUNS_8, 8, 3, 8, packing=1, palette=PALETTE), "pixels out"),
        (bmp(RUNS_8, 6, 3, 8, packing=1, palette=PALETTE), "beyond its row"),
        (bmp(RUNS_8, 7, -3, 8, packing=1, palette=PALETTE), "top down"),
        (bmp(bytes([0, 2, 3, 0, 4, 1, 0, 1]), 7, 1, 8, packing=1, palette=PALETTE), "3 pixels out"),
        (bmp([bytes(28)] * 5, 7, 5, 32, packing=3, masks=struct.pack("<3I", 255, 255, 1)), "overl"),
        (bmp([bytes(28)] * 5, 7, 5, 32, packing=3, masks=struct.pack("<3I", 5, 16, 32)), "gaps"),
        (bmp([bytes(28)] * 5, 7, 5, 32, packing=3, masks=bytes(12)), "without bits"),
    ],
    ids=[
        "a byte short", "half", "header cut", "a row short", "pixels in the header",
        "pixels in the palette", "pixels beyond", "size short", "too many colours",
        "index without colour", "a second picture", "no columns", "negative columns",
        "side too long", "2 bits", "JPEG inside", "planes", "header of 41", "OS/2 array",
        "runs cut", "bomb of runs", "runs short", "runs too long", "runs downwards",
        "runs leave pixels out",
        "masks overlap", "masks with gaps", "masks empty",
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(data, words):
    refused(data, words)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bmp(ROWS, 7, 5, 8, palette=PALETTE, density=(100, 200)), "not square"),
        (bmp(ROWS * 20, 7, 100, 8, palette=PALETTE, behind=bytes(99)), "99 bytes"),
    ],
    ids=["aspect", "bytes behind"],
)
def test_what_is_not_used_is_said(data, words):
    assert words in " ".join(decoded(data).notes)
