"""Axis orders: nibabel's answer, and every voxel at its place in the world."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.images import Grid
from segscope.preprocessing import orientation_to_ras, reorient, reorient_grid, restore
from tests.preprocessing.orders import affine_of, all_orders

SHAPE = (3, 4, 5)


def test_a_sagittal_volume_by_hand():
    # rows run to inferior, columns to posterior, slices to the right
    affine = np.array([[0, 0, 3.0, 7], [0, -1, 0, 8], [-2, 0, 0, 9], [0, 0, 0, 1]])
    grid = Grid(SHAPE, affine)
    turn = orientation_to_ras(grid)
    assert turn == ((2, 1), (1, -1), (0, -1))
    turned = reorient_grid(grid, turn)
    assert turned.shape == (5, 4, 3)
    np.testing.assert_array_equal(np.diag(turned.affine), [3, 1, 2, 1])
    np.testing.assert_array_equal(turned.affine[:3, 3], [7, 8 - 3, 9 - 4])


@pytest.mark.parametrize("oblique", [0.0, 0.1, 0.5])
def test_orientation_agrees_with_nibabel(oblique):
    array = np.random.default_rng(0).normal(size=SHAPE)
    orders = list(all_orders())
    assert len(orders) == 48
    for order, signs in orders:
        grid = Grid(SHAPE, affine_of(order, signs, oblique))
        expected = nib.as_closest_canonical(nib.Nifti1Image(array, grid.affine))
        turn = orientation_to_ras(grid)
        np.testing.assert_array_equal(reorient(array, turn), expected.get_fdata())
        np.testing.assert_allclose(reorient_grid(grid, turn).affine, expected.affine)
        assert nib.aff2axcodes(reorient_grid(grid, turn).affine) == ("R", "A", "S")


orientations = st.tuples(st.permutations(range(3)), st.tuples(*[st.sampled_from([1, -1])] * 3)).map(
    lambda drawn: tuple(zip(*drawn, strict=True))
)


@given(orientations, st.integers(0, 2))
def test_restoring_undoes_turning_whatever_the_leading_axes(turn, lead):
    array = np.arange(2**lead * 60).reshape(*(2,) * lead, *SHAPE)
    np.testing.assert_array_equal(restore(reorient(array, turn), turn), array)


@given(orientations, st.floats(-0.5, 0.5))
def test_every_voxel_stays_where_it_is_in_the_world(turn, oblique):
    grid = Grid(SHAPE, affine_of((2, 0, 1), (1, -1, 1), oblique))
    turned = reorient_grid(grid, turn)
    places = np.moveaxis(np.indices(SHAPE), 0, -1)
    world = np.moveaxis(grid.to_world(places), -1, 0)
    there = turned.to_world(np.moveaxis(np.indices(turned.shape), 0, -1))
    np.testing.assert_allclose(np.moveaxis(reorient(world, turn), 0, -1), there, atol=1e-9)


def test_turning_copies_nothing():
    array = np.zeros(SHAPE)
    reorient(array, ((2, -1), (0, 1), (1, -1)))[...] = 1
    assert array.all()
