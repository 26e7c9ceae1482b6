"""Pixels of TIFF: depths, kinds, palettes."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.decoders.tiff_files import GREY, decoded, refused, written
from tests.plane_files import tiff

LABELS = np.zeros((8, 8), np.uint8)


LABELS[2:4, 2:4], LABELS[5:7, 5:7] = 1, 2


@pytest.mark.parametrize("order", "<>", ids=["little", "big"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 32])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_whole_numbers_of_every_depth_come_back(order, samples, bits, seed):
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 20, 2)
    kind = np.uint32 if bits == 32 else np.uint16
    array = random.integers(0, 2**bits, (rows, columns, samples)).astype(kind)
    data = tiff(array, bits=bits, order=order, big=bool(seed % 2))
    for stored in (False, True):
        found = decoded(data, stored=stored)
        np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), array)
    theirs = tifffile.imread(io.BytesIO(data))
    np.testing.assert_array_equal(theirs.reshape(array.shape), array)
    assert any(f"{bits} bit" in note for note in found.notes) == (bits not in (8, 16, 32))


@pytest.mark.parametrize(
    ("kind", "format_"),
    [("i1", 2), ("i2", 2), ("i4", 2), ("i8", 2), ("u8", 1), ("f2", 3), ("f4", 3), ("f8", 3)],
)
@pytest.mark.parametrize("order", "<>", ids=["little", "big"])
def test_signed_and_floating_point_numbers_come_back(kind, format_, order):
    array = (GREY.astype(kind) - np.array(9).astype(kind)) if kind != "u8" else GREY.astype(kind)
    data = tiff(array, {339: (3, [format_])}, bits=array.dtype.itemsize * 8, order=order)
    found = decoded(data).array
    np.testing.assert_array_equal(found[0], array)
    assert found.dtype == np.dtype(kind)


def test_a_palette_is_colours_for_images_and_indices_for_labels():
    table = np.zeros((3, 256), np.uint16)
    table[0, 1] = table[1, 2] = 65535
    data = written(LABELS, photometric="palette", colormap=table)
    image = decoded(data)
    assert image.array.dtype == np.uint8
    assert image.array[:, 2, 2].tolist() == [255, 0, 0]
    assert image.array[:, 5, 5].tolist() == [0, 255, 0]
    assert image.notes == ("palette replaced by its colours",)
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], LABELS)
    assert "indices" in label.notes[0]
    table[0, 1] = 65534  # more than 8 bits
    fine = decoded(written(LABELS, photometric="palette", colormap=table))
    assert fine.array[:, 2, 2].tolist() == [65534, 0, 0]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits(bits):
    count = 2**bits
    indices = GREY % count
    table = np.random.default_rng(bits).integers(0, 256, (3, count))
    tags = {262: (3, [3]), 320: (3, list((table * 257).ravel()))}
    data = tiff(indices, tags, bits=bits)
    np.testing.assert_array_equal(decoded(data).array, table[:, indices])
    np.testing.assert_array_equal(decoded(data, stored=True).array[0], indices)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_where_zero_is_white_an_image_is_turned_round_and_a_label_is_not(kind):
    array = (LABELS * 100).astype(kind)
    data = written(array, photometric="miniswhite")
    image = decoded(data)
    assert image.array.dtype == kind
    np.testing.assert_array_equal(image.array[0], np.iinfo(kind).max - array)
    assert "0 is white" in image.notes[0]
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], array)
    assert "0 is white" in label.notes[0]
    refused(written(array.astype(np.float32), photometric="miniswhite"), "MINISBLACK")
    refused(written(array.astype(np.int16), photometric="miniswhite"), "MINISBLACK")


def test_few_bits_where_zero_is_white():
    array = GREY % 4
    data = tiff(array, {262: (3, [0])}, bits=2)
    np.testing.assert_array_equal(decoded(data).array[0], 3 - array)
    np.testing.assert_array_equal(decoded(data, stored=True).array[0], array)
