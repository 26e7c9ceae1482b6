"""Where the voxels of a NIfTI lie: sform, qform, and units."""

import math

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image
from tests.data.decoders.nifti_made import (
    PIXDIM,
    QCODE,
    QUATERN,
    SCODE,
    SROW,
    UNITS,
    made,
    refused,
)


@pytest.mark.parametrize("code", [64, 128, 56, 66, 194])
def test_a_unit_code_that_does_not_exist_is_said(tmp_path, code):
    found = read_image(made(tmp_path / "a.nii", (UNITS, "B", code)))
    assert found.grid.spacing_mm == (1, 1.5, 2)
    assert found.notes == (f"its unit code {code} does not exist; lengths taken as mm",)


@pytest.mark.parametrize("code", [4, 5, 6, 7, 12, 65, 123, 255])
def test_a_unit_that_may_be_another_length_is_refused(tmp_path, code):
    refused(made(tmp_path / "a.nii", (UNITS, "B", code)), f"unit code {code} is unknown")


@pytest.mark.parametrize("time", [0, 8, 16, 24, 32, 40, 48])
@pytest.mark.parametrize(("length", "spacing"), [(0, 2.0), (1, 2000.0), (2, 2.0), (3, 0.002)])
def test_units_of_time_do_no_harm_to_lengths(tmp_path, time, length, spacing):
    found = read_image(made(tmp_path / "a.nii", (UNITS, "B", time + length)))
    assert found.grid.spacing_mm[2] == pytest.approx(spacing)


@pytest.mark.parametrize("codes", [(0, 1), (1, 1)], ids=["no qform", "qform too"])
def test_voxel_sizes_that_differ_from_the_sform_are_said_with_both(tmp_path, codes):
    path = made(tmp_path / "a.nii", (PIXDIM + 4, "<3f", 3, 3, 3), codes=codes)
    found = read_image(path)
    assert found.grid.spacing_mm == (1, 1.5, 2)
    said = "voxel sizes 3 x 3 x 3 in the header, 1 x 1.5 x 2 by its sform; the sform was taken"
    assert said in found.notes


def test_voxel_sizes_rounded_by_less_than_a_tenth_of_a_voxel_at_the_far_end_are_not_said(tmp_path):
    close, far = 2 * (1 + 0.09 / 4), 2 * (1 + 0.11 / 4)  # 5 voxels: 4 steps
    assert read_image(made(tmp_path / "a.nii", (PIXDIM + 12, "<f", close))).notes == ()
    assert len(read_image(made(tmp_path / "b.nii", (PIXDIM + 12, "<f", far))).notes) == 1


@pytest.mark.parametrize("place", [SROW, SROW + 4, SROW + 12])
def test_one_big_number_in_the_sform_is_read_or_refused(tmp_path, place):
    refused(made(tmp_path / "a.nii", (place, "<f", 1e30)), "affine|spacing|origin")


def test_a_voxel_size_that_overflows_raises_no_warning(tmp_path):
    change = (104 + 8 * 3, "<d", 1e308)
    found = read_image(made(tmp_path / "a.nii", change, kind=nib.Nifti2Image))
    assert "e+308 in the header" in found.notes[0]


def test_small_voxels_are_read(tmp_path):
    found = read_image(made(tmp_path / "a.nii", affine=np.diag([1e-6, 1e-6, 1e-6, 1])))
    assert found.grid.spacing_mm == pytest.approx((1e-6, 1e-6, 1e-6))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.5, -2.0, 1e30])
def test_a_quaternion_that_is_no_rotation_is_refused_where_it_counts(tmp_path, value):
    change = (QUATERN + 4, "<f", value)
    refused(made(tmp_path / "a.nii", change, codes=(1, 0)), "qform cannot be read .quaternion")
    beside = read_image(made(tmp_path / "b.nii", change, codes=(1, 1)))
    assert beside.notes == ("qform cannot be read; the sform was taken",)
    assert read_image(made(tmp_path / "c.nii", change, codes=(0, 1))).notes == ()


@pytest.mark.parametrize(
    ("qfac", "last", "notes"),
    [(1, 2, ()), (-1, -2, ()), (0, 2, ()), (3, 2, ("qfac 3 in the header read as 1",))],
)
def test_qfac(tmp_path, qfac, last, notes):
    found = read_image(made(tmp_path / "a.nii", (PIXDIM, "<f", qfac), codes=(1, 0)))
    np.testing.assert_allclose(found.grid.affine, np.diag([1, 1.5, last, 1]))
    assert found.notes == notes


@pytest.mark.parametrize("qfac", [-3, math.nan, -math.inf, math.inf])
def test_a_qfac_that_readers_take_in_different_ways_is_refused(tmp_path, qfac):
    refused(made(tmp_path / "a.nii", (PIXDIM, "<f", qfac), codes=(1, 0)), "qfac")


def test_a_turned_qform_lies_where_nibabel_has_it(tmp_path):
    affine = np.array([[0, 0.9, 0, 4], [0, 0, -1.1, 5], [1.3, 0, 0, 6], [0, 0, 0, 1]])
    path = made(tmp_path / "a.nii", affine=affine, codes=(1, 0))
    np.testing.assert_array_equal(read_image(path).grid.affine, nib.load(path).affine)


@pytest.mark.parametrize("place", [QCODE, SCODE], ids=["qform", "sform"])
@pytest.mark.parametrize("code", [-1, 6, 2048])
def test_a_code_that_does_not_exist_is_refused(tmp_path, place, code):
    refused(made(tmp_path / "a.nii", (place, "<h", code)), f"form_code is {code}")
