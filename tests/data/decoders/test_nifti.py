"""NIfTI headers: every field accounted for, every ambiguity said, nibabel's answer or a refusal."""

import math

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image, read_label, write_label
from segscope.images import Grid, LabelMap
from tests.data.decoders.nifti_made import (
    AFFINE,
    DIM,
    INTENT,
    PIXDIM,
    SLOPE,
    made,
    refused,
)
from tests.fuzz_nifti import run


def test_damaged_headers_are_refused_or_read_as_nibabel_reads_them():
    assert run(300) == {}


def test_sizes_of_dimensions_that_are_not_there_mean_nothing(tmp_path):
    path = made(tmp_path / "a.nii", (PIXDIM + 12, "<f", 9.0), array=np.ones((4, 3), np.int16))
    found = read_image(path)
    assert found.array.shape == (1, 4, 3, 1)
    assert found.notes == ()


@pytest.mark.parametrize("code", [3, 24, 1001, 2005, 2016, 9999, -5])
def test_an_intent_is_said(tmp_path, code):
    (note,) = read_image(made(tmp_path / "a.nii", (INTENT, "<h", code))).notes
    assert f"intent code {code}" in note
    assert ("statistic" in note) == (code in (3, 24))


@pytest.mark.parametrize("code", [1004, 1006, 1007, 1010, 2003, 2004])
def test_an_intent_of_several_numbers_per_voxel_is_refused(tmp_path, code):
    refused(made(tmp_path / "a.nii", (INTENT, "<h", code)), f"intent code {code}")


def test_the_intent_of_labels_is_said_of_images_only(tmp_path):
    path = made(tmp_path / "a.nii", (INTENT, "<h", 1002))
    assert "labels, not intensities" in read_image(path).notes[0]
    assert read_label(path).notes == ()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 2, 2, 3), "holds 3 volumes"),
        ((2, 2, 2, 1, 3), "holds 3 values per voxel"),
        ((2, 2, 2, 2, 1, 1, 2), "holds 2 values per voxel"),
    ],
)
def test_more_than_one_value_per_voxel_is_refused(tmp_path, shape, words):
    refused(made(tmp_path / "a.nii", array=np.zeros(shape, np.int16)), words)


def test_sides_whose_product_leaves_64_bits_are_refused(tmp_path):
    sides = (3, 1, 1, 2**32, 2**32, 1, 1, 1)
    path = made(tmp_path / "a.nii", (16, "<8q", *sides), kind=nib.Nifti2Image)
    refused(path, "holds|announces|sides")
    path = made(tmp_path / "b.nii", (16, "<8q", 3, 2**32, 2**32, 1, 0, 0, 0, 0),
                kind=nib.Nifti2Image)  # fmt: skip
    refused(path, "announces")


def test_numbers_behind_the_last_dimension_mean_nothing(tmp_path):
    path = made(tmp_path / "a.nii", (DIM + 8, "<4h", 7, -3, 0, 32767))
    assert read_image(path).array.shape == (1, 4, 3, 5)


@pytest.mark.parametrize("inter", [math.nan, 0.0, 7.0])
def test_a_slope_that_is_no_number_is_no_scaling(tmp_path, inter):
    path = made(tmp_path / "a.nii", (SLOPE, "<2f", math.nan, inter))
    found = read_image(path)
    assert found.array.dtype == np.int16
    np.testing.assert_array_equal(found.array[0], np.asanyarray(nib.load(path).dataobj))
    assert found.notes == ("scl_slope is not a number, so values are not scaled",)


def test_a_slope_of_zero_with_an_intercept_is_said(tmp_path):
    found = read_image(made(tmp_path / "a.nii", (SLOPE, "<2f", 0, 5)))
    np.testing.assert_array_equal(found.array[0].ravel(), np.arange(60))
    assert "scl_inter 5 does not count" in found.notes[0]


@pytest.mark.parametrize("slope", [1e37, 1e-44], ids=["too large", "too small"])
def test_scaled_values_that_float32_cannot_hold_are_refused_with_their_number(tmp_path, slope):
    refused(made(tmp_path / "a.nii", (SLOPE, "<f", slope)), "32-bit")


def test_outputs_with_the_ending_in_capitals_are_compressed_and_read_back(tmp_path):
    label = LabelMap(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), AFFINE))
    write_label(tmp_path / "a.NII.GZ", label)
    assert (tmp_path / "a.NII.GZ").read_bytes()[:2] == b"\x1f\x8b"
    assert read_label(tmp_path / "a.NII.GZ").array.sum() == 24


def test_sides_beyond_16_bits_are_written_in_the_second_version(tmp_path):
    label = LabelMap(np.ones((40000, 1, 1), np.uint8), Grid((40000, 1, 1), AFFINE))
    write_label(tmp_path / "a.nii.gz", label)
    assert read_label(tmp_path / "a.nii.gz").array.shape == (40000, 1, 1)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj), label.array)
