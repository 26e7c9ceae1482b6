"""Planes that are worth a look: where they are cut, how they are turned, what is dark."""

import numpy as np
import pytest

from segscope.images import Grid, Image, LabelMap
from segscope.workflows.previews import chosen_slices, views_of


def volume(shape, spacing=(1.0, 1.0, 1.0), signs=(1, 1, 1)):
    """An empty label map and an image that counts its voxels' places along x."""
    affine = np.diag([s * sign for s, sign in zip(spacing, signs, strict=True)] + [1.0])
    grid = Grid(shape, affine)
    image = np.zeros((1, *shape), np.float32)
    return image, np.zeros(shape, np.uint8), grid


def test_radiologists_see_the_patients_right_at_the_left():
    image, labels, grid = volume((6, 8, 10))
    labels[5, 7, 9] = 3  # the most right, anterior and superior voxel of RAS
    for view in views_of(Image(image, grid), LabelMap(labels, grid), [3]):
        assert view.labels[0, 0] == 1, view.title
        assert view.labels.sum() == 1
    names = [
        v.title.split(",")[0] for v in views_of(Image(image, grid), LabelMap(labels, grid), [3])
    ]
    assert names == ["axial", "coronal", "sagittal"]


def test_a_file_whose_axes_run_the_other_way_is_seen_alike():
    image, labels, grid = volume((6, 8, 10), signs=(-1, -1, 1))
    labels[0, 0, 9] = 1  # the same place of the body
    (axial, *_) = views_of(Image(image, grid), LabelMap(labels, grid), [1])
    assert (axial.labels[0, 0], axial.sides, axial.title) == (1, "RLAP", "axial, slice 10 of 10")


def test_the_thick_axis_has_as_many_slices_as_labels_need():
    image, labels, grid = volume((9, 5, 9), spacing=(1.0, 6.0, 2.0))
    labels[2:8, 1, 2:8] = 1
    labels[2:5, 3, 2:5] = 2
    views = views_of(Image(image, grid), LabelMap(labels, grid), [1, 2])
    assert [v.title for v in views] == [
        "coronal, slice 2 of 5", "coronal, slice 4 of 5", "axial, slice 3 of 9",
        "sagittal, slice 3 of 9",
    ]  # fmt: skip
    assert views[0].pixel == (2.0, 1.0)  # z up, x across
    assert views[-1].pixel == (2.0, 6.0)


def test_a_single_slice_is_one_view_and_nothing_found_shows_the_middle():
    image, labels, grid = volume((9, 7, 1))
    (only,) = views_of(Image(image, grid), LabelMap(labels, grid), [1])
    assert (only.labels.shape, only.title) == ((7, 9), "axial, slice 1 of 1")
    assert chosen_slices(np.zeros((2, 9), int), most=3) == [4]


def test_no_more_slices_than_wanted():
    areas = np.eye(6, dtype=int)
    assert chosen_slices(areas, most=3) == [0, 1, 2]


def test_dark_and_bright_are_of_what_was_found():
    image, labels, grid = volume((40, 40, 40))
    image[...] = -1000
    image[0, 15:25, 15:25, 15:25] = 40
    image[0, 20, 20, 20] = 60
    labels[19:22, 19:22, 19:22] = 1
    (axial, *_) = views_of(Image(image, grid), LabelMap(labels, grid), [1])
    around = axial.picture[40 - 21, 40 - 21]  # turned by half a circle
    assert around > 0.9 * 255
    image[0] = np.where(image[0] == -1000, 4000.0, image[0])
    bright = views_of(Image(image, grid), LabelMap(labels, grid), [1])[0].picture
    assert bright[0, 0] == 255


def test_photographs_are_shown_as_they_are():
    photograph = np.random.default_rng(0).integers(0, 256, (3, 8, 9)).astype(np.uint8)
    grid = Grid.from_spacing((8, 9))
    labels = np.zeros((8, 9), np.uint8)
    labels[2:4, 2:4] = 7
    (view,) = views_of(Image(photograph, grid), LabelMap(labels, grid), [1, 7])
    assert (view.picture == np.moveaxis(photograph, 0, -1)).all()
    assert set(np.unique(view.labels)) == {0, 2}  # the second of the labels


@pytest.mark.parametrize("values", [[1], [1, 2, 300]], ids=["one", "beyond_the_file"])
def test_labels_that_are_not_asked_for_are_not_drawn(values):
    _, labels, grid = volume((6, 6, 6))
    labels[1:3] = 9
    image = Image(np.zeros((1, 6, 6, 6), np.uint8), grid)
    assert not any(view.labels.any() for view in views_of(image, LabelMap(labels, grid), values))
