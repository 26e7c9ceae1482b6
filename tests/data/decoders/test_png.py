"""PNG against bytes made by hand and against Pillow and libpng."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data.decoders.png import FIELDS, png_decoded
from segscope.errors import InputError
from tests.plane_files import chunk, png

LABELS = np.zeros((8, 8), int)
LABELS[2:4, 2:4], LABELS[5:7, 5:7] = 1, 2
GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)


def decoded(data, *, stored=False):
    return png_decoded(Path("a.png"), data, stored=stored)


def refused(data, words, *, stored=False):
    with pytest.raises(InputError, match=words) as caught:
        decoded(data, stored=stored)
    assert str(caught.value).startswith("a.png: ")
    assert "\n" not in str(caught.value)


def test_every_chunk_of_the_standard_is_accounted_for():
    third_edition = """IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI tEXt zTXt
        iTXt bKGD hIST pHYs sPLT eXIf tIME acTL fcTL fdAT"""
    extensions = "oFFs pCAL sCAL gIFg gIFt gIFx sTER dSIG"
    assert set(FIELDS) == set(third_edition.split()) | set(extensions.split())
    assert all(field.why for field in FIELDS.values())


def test_a_palette_is_colours_for_images_and_indices_for_labels():
    data = png(LABELS, 2, 3, before=chunk(b"PLTE", bytes([0, 0, 0, 255, 0, 0, 0, 255, 0])))
    image = decoded(data)
    assert image.array[:, 2, 2].tolist() == [255, 0, 0]
    assert image.array[:, 5, 5].tolist() == [0, 255, 0]
    assert image.notes == ("palette replaced by its colours",)
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], LABELS)
    assert "indices" in label.notes[0]
    grey = png(LABELS, 2, 3, before=chunk(b"PLTE", bytes([9, 9, 9, 50, 50, 50, 99, 99, 99])))
    np.testing.assert_array_equal(decoded(grey).array, np.array([9, 50, 99])[LABELS][None])


def test_an_index_without_a_colour_is_refused_in_images():
    data = png(LABELS, 2, 3, before=chunk(b"PLTE", bytes(6)))
    refused(data, "index 2 where its palette ends at 1")
    np.testing.assert_array_equal(decoded(data, stored=True).array[0], LABELS)


@pytest.mark.parametrize(
    ("array", "bits", "colour", "before"),
    [
        (np.dstack([LABELS * 9, LABELS * 0 + 254]), 8, 4, b""),
        (np.dstack([LABELS * 9, LABELS * 0 + 65534]), 16, 4, b""),
        (np.dstack([LABELS] * 3 + [255 - LABELS]), 8, 6, b""),
        (np.dstack([LABELS] * 3 + [65535 - LABELS]), 16, 6, b""),
        (LABELS, 8, 0, chunk(b"tRNS", b"\0\1")),
        (LABELS, 2, 0, chunk(b"tRNS", b"\0\2")),
        (LABELS, 4, 0, chunk(b"tRNS", b"\xff\xf2")),
        (LABELS * 300, 16, 0, chunk(b"tRNS", struct.pack(">H", 600))),
        (np.dstack([LABELS] * 3), 8, 2, chunk(b"tRNS", b"\0\1\0\1\0\1")),
        (np.dstack([LABELS] * 3), 16, 2, chunk(b"tRNS", b"\0\2\0\2\0\2")),
        (LABELS, 8, 3, chunk(b"PLTE", bytes(9)) + chunk(b"tRNS", b"\xff\xfe")),
    ],
    ids=["LA", "LA 16", "RGBA", "RGBA 16", "key", "key of 2 bits", "key with unused bits",
         "key of 16 bits", "RGB key",
         "RGB key of 16 bits", "palette"],
)  # fmt: skip
def test_every_kind_of_transparency_is_refused_in_images(array, bits, colour, before):
    data = png(array, bits, colour, before=before)
    refused(data, "transparent")
    if not before:
        refused(data, "transparent", stored=True)
    else:  # a label's numbers are what is stored
        assert "stored samples" in " ".join(decoded(data, stored=True).notes)


@pytest.mark.parametrize(
    ("bits", "colour", "before"),
    [
        (8, 0, chunk(b"tRNS", b"\0\x09")),
        (8, 3, chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\xff\xff\xff\0")),
    ],
    ids=["key", "palette"],
)
def test_transparency_that_no_pixel_has_changes_nothing(bits, colour, before):
    plain = decoded(png(LABELS, bits, colour, before=before))
    bare = before if colour == 0 else before[:24]
    same = png(LABELS, bits, colour, before=b"" if colour == 0 else bare)
    np.testing.assert_array_equal(plain.array, decoded(same).array)


def short(rows, interlaced=False):
    """A picture of 8 x 8 whose header announces 16 rows or whose data are cut."""
    return png(GREY, 8, 0, sides=(8, rows), interlaced=interlaced)


WHOLE = png(GREY, 8, 0)
RAW = b"".join(b"\0" + bytes(row) for row in GREY)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (short(16), "holds 72 bytes of pixels where its header announces 144"),
        (short(9, interlaced=True), "announces"),
        (short(7), "more than the 63 bytes"),
        (png(GREY, 8, 0, data=zlib.compress(RAW) + b"abc"), "3 bytes follow its pixels"),
        (png(GREY, 8, 0, data=zlib.compress(RAW)[:-5]), "cut short"),
        (png(GREY, 8, 0, data=zlib.compress(RAW)[:-1] + b"\0"), "damaged"),
        (png(GREY, 8, 0, data=b"nothing"), "no zlib data"),
        (png(GREY, 8, 0, data=zlib.compress(b"\5" + RAW[1:])), "unknown filter 5"),
        (WHOLE + b"x", "1 bytes follow its end"),
        (WHOLE[:-12], "its end is missing"),
        (WHOLE[:-1], "its end is missing"),
        (WHOLE[:20], "its end is missing"),
        (WHOLE[:29] + b"\0\0\0\0" + WHOLE[33:], "checksum"),
        (png(GREY, 8, 0, before=chunk(b"tEXt", b"a\0b", crc=1)), "checksum"),
        (png(GREY, 8, 0, before=chunk(b"NEWc")), "unknown chunk NEWc"),
        (png(GREY, 8, 0, before=chunk(b"PLTE", bytes(3))), "grey picture with a palette"),
        (png(GREY, 8, 3), "palette is missing"),
        (png(GREY, 8, 3, before=chunk(b"PLTE", bytes(4))), "a palette of 4 bytes"),
        (png(GREY % 2, 1, 3, before=chunk(b"PLTE", bytes(9))), "a palette of 9 bytes"),
        (png(GREY, 8, 3, after=chunk(b"PLTE", bytes(9))), "palette comes after"),
        (png(GREY, 8, 3, before=chunk(b"PLTE", bytes(3)) + chunk(b"tRNS", b"\0\0")),
         "more transparencies"),
        (png(GREY, 8, 0, before=chunk(b"tRNS", b"\0")), "a transparency of 1 bytes"),
        (png(GREY, 8, 5), "colour type 5"),
        (png(GREY, 8, 0, sides=(0, 8)), "sides of 1 to"),
        (png(GREY, 8, 0, sides=(40000, 8)), "sides of 1 to"),
        (png(GREY, 8, 0, sides=(32000, 32000)), "tiles"),
        (png(GREY, 8, 0, sides=(9000, 9000)), "more than its .* compressed bytes can hold"),
        (png(GREY, 8, 0, before=chunk(b"IHDR", bytes(13))), "several chunks IHDR"),
        (png(GREY, 8, 0, after=chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", b"x")), "interrupted"),
        (WHOLE[:8] + WHOLE[33:], "header has|does not come first"),
        (WHOLE[:33] + chunk(b"IEND"), "no pixels"),
        (png(GREY, 8, 0, before=chunk(b"acTL", struct.pack(">II", 3, 0))), "3 frames"),
        (png(GREY, 8, 0, after=chunk(b"fdAT", b"\0\0\0\1")), "frames"),
        (png(GREY, 8, 0, before=chunk(b"cICP", b"\1\1\1\1")), "not RGB"),
        (b"\x89PNG\r\n\x1a\r" + WHOLE[8:], "is not PNG"),
    ],
    ids=[
        "rows short", "interlaced rows short", "rows too many", "bytes after the pixels",
        "pixels cut", "pixels' checksum", "no zlib", "unknown filter", "bytes after the end",
        "no end", "end cut", "header cut", "header's checksum", "text's checksum",
        "unknown critical chunk", "grey with palette", "no palette", "odd palette",
        "palette too long", "palette late", "transparency too long", "transparency too short",
        "colour type", "no columns", "a side too long", "too many pixels", "bomb", "two headers",
        "pixels interrupted", "no header", "no pixels", "frames", "frame data", "YCbCr",
        "signature",
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused(data, words):
    refused(data, words)
    refused(data, words, stored=True)


def test_an_animation_of_pillow_is_refused():
    frames = [PillowImage.fromarray(GREY + k) for k in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "png", save_all=True, append_images=frames[1:])
    refused(stream.getvalue(), "3 frames")


def test_one_frame_of_an_animation_is_a_picture():
    control = struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 0, 0)
    before = chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", control)
    np.testing.assert_array_equal(decoded(png(GREY, 8, 0, before=before)).array[0], GREY)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0"), chunk(b"sBIT", b"\6"),
        chunk(b"bKGD", b"\0\1"), chunk(b"tIME", bytes(7)), chunk(b"iCCP", b"x\0\0abc"),
        chunk(b"cHRM", bytes(32)), chunk(b"tEXt", b"Title\0x"), chunk(b"vpAg", bytes(9)),
    ],
    ids=["gAMA", "sRGB", "sBIT", "bKGD", "tIME", "iCCP", "cHRM", "tEXt", "private"],
)  # fmt: skip
def test_chunks_of_looks_and_texts_change_nothing(extra):
    found = decoded(png(GREY, 8, 0, before=extra))
    np.testing.assert_array_equal(found.array[0], GREY)
    assert found.notes == ()


def exif(value, order=">"):
    mark = b"MM" if order == ">" else b"II"
    return mark + struct.pack(f"{order}HIHHHIHxxI", 42, 8, 1, 274, 3, 1, value, 0)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_picture_is_turned_as_viewers_turn_it(value):
    tall = np.arange(24, dtype=np.uint8).reshape(4, 6)
    data = png(tall, 8, 0, before=chunk(b"eXIf", exif(value, "<>"[value % 2])))
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Pillow's names of the same turns
    picture = PillowImage.fromarray(tall)
    expected = np.asarray(picture.transpose(turn[value]) if value > 1 else picture)
    for stored in (False, True):
        found = decoded(data, stored=stored)
        np.testing.assert_array_equal(found.array[0], expected)
        assert any(f"orientation tag {value}" in note for note in found.notes) == (value > 1)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (chunk(b"eXIf", exif(9)), "no meaning"),
        (chunk(b"eXIf", b"broken"), "cannot be read"),
        (chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'), "XMP"),
        (chunk(b"zTXt", b"Raw profile type exif\0\0"
               + zlib.compress(b"\nexif\n 26\n" + exif(6).hex().encode())), "in a text"),
        (chunk(b"pHYs", struct.pack(">IIB", 100, 200, 1)), "not square"),
        (chunk(b"pCAL", b"x\0"), "physical"),
        (chunk(b"sTER", b"\0"), "two eyes"),
    ],
    ids=["9", "broken", "XMP", "text", "aspect", "scale", "stereo"],
)  # fmt: skip
def test_what_is_not_applied_is_said(before, words):
    found = decoded(png(GREY, 8, 0, before=before))
    np.testing.assert_array_equal(found.array[0], GREY)
    assert words in " ".join(found.notes)


def test_no_flipped_bit_and_no_cut_goes_through():
    random = np.random.default_rng(0)
    data = png(random.integers(0, 256, (6, 6)), 8, 0, filters=(4, 1))
    good = decoded(data).array
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with pytest.raises(InputError):
                decoded(bytes(changed))
    for length in range(len(data)):
        with pytest.raises(InputError):
            decoded(data[:length])
    np.testing.assert_array_equal(decoded(data).array, good)


@pytest.mark.parametrize(("value", "said"), [(1, False), (6, True), (9, False)])
def test_an_orientation_that_only_one_program_knows_is_said(value, said):
    found = decoded(png(GREY, 8, 0, before=chunk(b"orNT", bytes([value]))))
    np.testing.assert_array_equal(found.array[0], GREY)
    assert any("orientation 6 (orNT)" in note for note in found.notes) == said
