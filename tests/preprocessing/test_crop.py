"""Boxes and shapes, and the way back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segscope.images import Grid
from segscope.preprocessing import content_box, crop_or_pad, cut, cut_grid
from segscope.preprocessing.crop import border_value, centred_box
from tests.preprocessing.orders import affine_of

boxes = st.tuples(st.integers(0, 3), st.integers(4, 6))


@given(st.tuples(boxes, boxes))
def test_a_box_and_its_grid_are_cut_alike(box):
    array = np.arange(2 * 36).reshape(2, 6, 6)
    (a, b), (c, d) = box
    np.testing.assert_array_equal(cut(array, box), array[:, a:b, c:d])
    grid = cut_grid(Grid.from_spacing((6, 6), (2.0, 3.0)), box)
    assert grid.to_world([0, 0]).tolist() == [2.0 * a, 3.0 * c]
    assert grid.shape == (b - a, d - c)


def test_a_box_of_an_oblique_grid_stays_where_it_is():
    grid = Grid((8, 9, 7), affine_of((2, 1, 0), (1, -1, 1), 0.3))
    part = cut_grid(grid, ((2, 5), (-3, 9), (1, 7)))
    assert part.shape == (3, 12, 6)
    np.testing.assert_allclose(part.to_world([1, 4, 2]), grid.to_world([3, 1, 3]))


def test_one_odd_corner_does_not_hide_the_surround():
    array = np.zeros((1, 6, 7, 8))
    array[0, 2:4, 3, 1:6] = 5
    assert content_box(array) == ((2, 4), (3, 4), (1, 6))
    array += 9
    array[0, 0, 0, 0] = 1  # content now reaches from the corner to the rest
    assert border_value(array[0]) == 9
    assert content_box(array) == ((0, 4), (0, 4), (0, 6))


def test_content_of_any_channel_counts():
    array = np.zeros((2, 8))
    array[0, 2], array[1] = 1, -7
    array[1, 5] = 0
    assert content_box(array) == ((2, 6),)


def test_a_constant_image_is_kept_whole():
    assert content_box(np.full((2, 4, 3), 7.0)) == ((0, 4), (0, 3))


def test_content_that_fills_the_image_is_kept_whole():
    array = np.random.default_rng(0).normal(size=(1, 5, 6, 7))
    assert content_box(array) == ((0, 5), (0, 6), (0, 7))


def test_the_middle_by_hand():
    assert centred_box((5,), (8,)) == ((-1, 7),)
    assert centred_box((8,), (5,)) == ((1, 6),)
    assert crop_or_pad(np.array([[1, 2], [3, 4]]), (3, 1)).tolist() == [[1], [3], [0]]


sides = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(sides, sides)
def test_the_way_back_finds_every_voxel_that_was_kept(old, new):
    array = np.arange(1, 1 + 2 * old[0] * old[1]).reshape(2, *old)
    there = crop_or_pad(array, new)
    assert there.shape == (2, *new)
    back = crop_or_pad(there, old)
    kept = np.isin(array, there)
    assert kept.sum() == 2 * np.prod(np.minimum(old, new))
    np.testing.assert_array_equal(back, np.where(kept, array, 0))


@given(sides, sides)
def test_the_box_says_where_the_voxels_went(old, new):
    rows = np.indices(old)[0] + 100
    there = crop_or_pad(rows, new, fill=-1)
    (first, _), _ = centred_box(old, new)
    for row, column in np.argwhere(there >= 0):
        assert there[row, column] == row + first + 100


def test_nothing_to_do_gives_the_array_itself():
    array = np.ones((2, 3))
    assert crop_or_pad(array, (3,)) is array
