"""Contours become voxels: by another library's rule for points in polygons, holes and all."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from segscope.convert.dicom_objects import read_objects
from segscope.data import read_image
from segscope.errors import InputError
from tests.convert.dicom_trees import SHAPE, box, rtstruct, series


def square(low, high):
    return [(low, low), (high, low), (high, high), (low, high)]


def found(tmp_path, regions, array=None, **options):
    folder = series(tmp_path / "CT", array)
    rtstruct(tmp_path / "rs.dcm", regions, **options)
    return read_objects(tmp_path / "rs.dcm", read_image(folder).grid, folder)


def test_an_outline_holds_the_middles_that_another_library_finds_inside(tmp_path):
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.column_stack([12 + 9.3 * np.cos(turn), 11 + (7.7 + np.sin(7 * turn)) * np.sin(turn)])
    middles = np.argwhere(np.ones((30, 25), bool))
    inside = Outline(np.vstack([ring, ring[:1]])).contains_points(middles).reshape(30, 25)
    mask = found(tmp_path, {"a": [(2, ring)]}, np.zeros((30, 25, 4), np.int16))[0].mask
    np.testing.assert_array_equal(mask[..., 2], inside)
    assert mask.sum() == inside.sum() > 200


def test_a_contour_inside_another_is_a_hole_and_one_beside_it_is_more(tmp_path):
    rings = [(1, square(-0.5, 4.5)), (1, square(0.5, 2.5)), (3, square(0.5, 1.5))]
    mask = found(tmp_path, {"a": rings})[0].mask
    truth = box((0, 5), (0, 5), (1, 2))
    truth[1:3, 1:3, 1] = False
    truth[1, 1, 3] = True
    np.testing.assert_array_equal(mask, truth)


def test_a_contour_through_the_middles_of_outermost_voxels_gives_the_mask_back(tmp_path):
    """As tools write that follow a mask's border voxels."""
    mask = found(tmp_path, {"a": [(1, square(1, 3))]})[0].mask
    np.testing.assert_array_equal(mask, box((1, 4), (1, 4), (1, 2)))


def test_slices_without_contours_are_noted(tmp_path):
    one, none = found(tmp_path, {"a": [(0, square(1, 3)), (3, square(1, 3))], "empty": []})
    assert one.notes == ("2 slices between contours have none, and stay empty",)
    assert none.notes == ("a region without contours",)
    assert not none.mask.any()
    assert none.mask.shape == SHAPE


@pytest.mark.parametrize(
    ("slice_", "kind", "said"),
    [(1.5, "CLOSED_PLANAR", "between the image's slices"), (4, "CLOSED_PLANAR", "on slice 4, out"),
     (1, "POINT", "of the type POINT, which encloses nothing")],
    ids=["between", "outside", "points"],
)  # fmt: skip
def test_contours_that_are_no_areas_of_the_image(tmp_path, slice_, kind, said):
    with pytest.raises(InputError, match=said):
        found(tmp_path, {"a": [(slice_, square(1.1, 3.2))]}, kind=kind)


def test_contours_of_one_point_and_two_are_a_voxel_and_a_line(tmp_path):
    """What tools write that follow a mask's border, of masks that are all border."""
    mask = found(tmp_path, {"a": [(1, [(4, 2)]), (2, [(1, 1), (1, 3)])]})[0].mask
    assert np.argwhere(mask).tolist() == [[1, 1, 2], [1, 2, 2], [1, 3, 2], [4, 2, 1]]


def test_a_contour_without_points(tmp_path):
    with pytest.raises(InputError, match="has a contour of 0 points"):
        found(tmp_path, {"a": [(1, np.zeros((0, 2)))]})
