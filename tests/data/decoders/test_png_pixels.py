"""Pixels of PNG: depths, colours, palettes, interlace."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from segscope.data import read_image, read_label
from segscope.data.decoders.png import png_decoded
from tests.plane_files import chunk, png

LABELS = np.zeros((8, 8), int)


LABELS[2:4, 2:4], LABELS[5:7, 5:7] = 1, 2


def decoded(data, *, stored=False):
    return png_decoded(Path("a.png"), data, stored=stored)


@pytest.mark.parametrize(
    ("bits", "colour"),
    [(b, c) for c, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16),
                              6: (8, 16)}.items() for b in depths],
)  # fmt: skip
@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 11), columns=st.integers(1, 19))
def test_every_depth_and_colour_comes_back(bits, colour, interlaced, seed, rows, columns):
    random = np.random.default_rng(seed)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    array = random.integers(0, 2**bits, (rows, columns, samples))
    if colour in (4, 6):
        array[..., -1] = 2**bits - 1
    palette = random.integers(0, 256, (2**bits if bits < 16 else 256, 3))
    before = chunk(b"PLTE", palette.astype(np.uint8).tobytes()) if colour == 3 else b""
    filters = tuple(random.integers(0, 5, 4))
    data = png(array, bits, colour, before=before, filters=filters, interlaced=interlaced)
    plain = array[..., :-1] if colour in (4, 6) else array
    found = decoded(data, stored=True).array
    np.testing.assert_array_equal(found, np.moveaxis(plain, -1, 0))
    assert found.dtype == (np.uint16 if bits == 16 else np.uint8)
    seen = decoded(data).array
    if colour == 3:
        shown = palette[array[..., 0]]
        if len(seen) == 1:  # all colours of the palette are grey by chance
            assert (palette == palette[:, :1]).all()
            shown = shown[..., :1]
        np.testing.assert_array_equal(seen, np.moveaxis(shown, -1, 0))
    else:
        np.testing.assert_array_equal(seen, found)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1", "I;16", "P"])
def test_pictures_of_pillow_are_read_as_libpng_reads_them(mode):
    random = np.random.default_rng(3)
    smooth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)  # many kinds of filters
    picture = PillowImage.fromarray(smooth).convert(mode if mode != "I;16" else "I")
    if mode == "I;16":
        wide = random.integers(0, 65536, (40, 50), dtype=np.uint16)
        picture = PillowImage.fromarray(wide)
    stream = io.BytesIO()
    picture.save(stream, "png")
    theirs = imagecodecs.png_decode(stream.getvalue())
    theirs = theirs[..., None] if theirs.ndim == 2 else theirs
    if mode in ("RGBA", "LA"):
        theirs = theirs[..., :-1]
    ours = decoded(stream.getvalue()).array
    if mode == "P":
        theirs = theirs[..., : len(ours)]
    expected = np.moveaxis(theirs, -1, 0) // (255 if mode == "1" else 1)
    np.testing.assert_array_equal(ours, expected)


def test_a_label_in_sixteen_bit_colour_keeps_its_numbers(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(np.stack([LABELS] * 3, -1), 16, 2))
    label = read_label(path)
    np.testing.assert_array_equal(label.array, LABELS)
    assert "equal colour channels read as one" in label.notes
    path.write_bytes(png(np.stack([LABELS * 30000] * 3, -1), 16, 2))
    image = read_image(path).array
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(np.unique(image), [0, 30000, 60000])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_mask_has_the_same_numbers_in_every_depth(bits, tmp_path):
    mask = np.minimum(LABELS, 2**bits - 1)
    path = tmp_path / "a.png"
    path.write_bytes(png(mask, bits, 0))
    for found in (read_label(path), read_image(path)):
        np.testing.assert_array_equal(np.squeeze(found.array), mask)
        assert any(f"{bits} bit" in note for note in found.notes) == (bits < 8)
