"""Resampling: scipy's and torch's answers, laws, and grids that keep their outer faces."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segscope.images import Grid
from segscope.preprocessing import resample, resample_labels, resampled_grid
from segscope.preprocessing.resample import present_labels
from tests.preprocessing.orders import affine_of

ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}


def centres(old, new):
    """Centres of new voxels in old indices, as a grid."""
    places = [(np.arange(n) + 0.5) * o / n - 0.5 for o, n in zip(old, new, strict=True)]
    return np.meshgrid(*places, indexing="ij")


@pytest.mark.parametrize("shape", [(9, 12, 20), (15, 8, 14), (8, 7, 10), (8, 21, 11)])
@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_enlarging_agrees_with_scipy(kind, shape):
    array = np.random.default_rng(0).normal(size=(8, 7, 10))
    expected = ndimage.map_coordinates(
        array, centres(array.shape, shape), order=ORDERS[kind], mode="nearest"
    )
    np.testing.assert_allclose(resample(array, shape, kind=kind), expected, atol=2e-6)


@pytest.mark.parametrize("shape", [(5, 3, 4), (3, 19, 7), (8, 7, 1)])
@pytest.mark.parametrize("kind", ["nearest", "cubic"])
def test_shrinking_without_averaging_agrees_with_scipy(kind, shape):
    array = np.random.default_rng(0).normal(size=(8, 7, 10))
    places = np.array(centres(array.shape, shape))
    if kind == "nearest":
        places += 1e-9  # a centre between two voxels belongs to the upper one here
    expected = ndimage.map_coordinates(array, places, order=ORDERS[kind], mode="nearest")
    np.testing.assert_allclose(resample(array, shape, kind=kind), expected, atol=2e-6)


def test_cubic_agrees_with_the_zoom_that_keeps_faces():
    array = np.random.default_rng(1).normal(size=(6, 9))
    zoomed = ndimage.zoom(array, 2, order=3, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(resample(array, (12, 18), kind="cubic"), zoomed, atol=2e-6)


@pytest.mark.parametrize("shape", [(5, 6), (8, 3), (13, 2), (1, 1), (16, 20)])
def test_shrinking_linearly_agrees_with_torchs_antialiasing(shape):
    array = np.random.default_rng(0).normal(size=(2, 13, 17)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(array)[None], size=shape, mode="bilinear", antialias=True
    )[0]
    np.testing.assert_allclose(resample(array, shape), expected, atol=1e-5)


def test_halving_by_hand():
    # centres at 0.5 and 2.5; a triangle of reach 2 weighs the voxels 0..2 and 1..3 with
    # 3/4, 3/4, 1/4 and 1/4, 3/4, 3/4
    expected = [(3 * 4 + 3 * 0 + 1 * 8) / 7, (1 * 0 + 3 * 8 + 3 * 0) / 7]
    np.testing.assert_allclose(resample(np.array([4.0, 0, 8, 0]), (2,)), expected, rtol=1e-6)


sides = st.integers(1, 9)
shapes = st.tuples(sides, sides)
kinds = st.sampled_from(["nearest", "linear", "cubic"])


@given(shapes, shapes, kinds)
def test_a_constant_stays_that_constant(old, new, kind):
    resampled = resample(np.full((1, *old), 3.5), new, kind=kind)
    np.testing.assert_allclose(resampled, 3.5, rtol=1e-6)


@given(shapes, shapes, kinds)
def test_turning_round_and_resampling_can_be_exchanged(old, new, kind):
    if kind == "nearest":  # draws go up, so this holds where there are none
        old, new = tuple(2 * s + 1 for s in old), tuple(2 * s + 1 for s in new)
    array = np.random.default_rng(0).normal(size=old)
    a = resample(array[::-1, ::-1], new, kind=kind)
    np.testing.assert_allclose(a, resample(array, new, kind=kind)[::-1, ::-1], atol=1e-5)


@given(st.integers(2, 40), st.integers(2, 40))
def test_a_ramp_stays_the_same_ramp_in_the_world(old, new):
    grid = Grid.from_spacing((old,), (1.7,))
    other = resampled_grid(grid, (new,))
    resampled = resample(grid.to_world(np.arange(old)[:, None])[:, 0], (new,))
    expected = other.to_world(np.arange(new)[:, None])[:, 0]
    reach = max(1.0, old / new)  # the triangle must not be cut off by the faces
    inside = (expected / 1.7 >= reach - 1) & (expected / 1.7 <= old - reach)
    # exact between two voxels; a triangle sampled at whole voxels is off by a few percent of one
    allowed = 1e-4 if new >= old else 0.08 * other.spacing_mm[0]
    np.testing.assert_allclose(resampled[inside], expected[inside], atol=allowed)


def test_probabilities_still_sum_to_one():
    p = np.moveaxis(np.random.default_rng(0).dirichlet(np.ones(4), (7, 9, 8)), -1, 0)
    for shape in [(10, 5, 8), (3, 3, 3), (14, 18, 16)]:
        resampled = resample(p, shape)
        assert resampled.min() >= 0
        np.testing.assert_allclose(resampled.sum(0), 1, atol=1e-6)


def test_the_nearest_axis_is_not_blended():
    array = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    doubled = resample(array, (6, 6, 6), kind="cubic", nearest_axis=2)
    np.testing.assert_array_equal(doubled[..., ::2], doubled[..., 1::2])
    np.testing.assert_allclose(doubled[..., ::2], resample(array, (6, 6, 3), kind="cubic"))


def test_leading_axes_are_left_alone():
    array = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    resampled = resample(array, (7, 6))
    assert resampled.shape == (2, 3, 7, 6)
    np.testing.assert_array_equal(resampled[1, 2], resample(array[1, 2], (7, 6)))


def test_nothing_to_do_gives_the_array_itself():
    array = np.ones((2, 3), np.float32)
    assert resample(array, (2, 3)) is array
    labels = np.ones((2, 3), np.uint8)
    assert resample_labels(labels, (2, 3)) is labels


def test_impossible_shapes_are_refused():
    for shape in ((2, 3, 4), (0, 2)):
        with pytest.raises(ValueError, match="cannot take the shape"):
            resample(np.ones((2, 3)), shape)


def test_label_resampling_takes_the_largest_share():
    # 5 voxels to 2: the new voxels lie at 0.75 and 3.25 of the old ones
    assert resample_labels(np.array([2, 2, 0, 1, 1]), (2,)).tolist() == [2, 1]


label_maps = st.tuples(sides, sides, st.integers(0, 2**32 - 1)).map(
    lambda d: np.random.default_rng(d[2]).integers(0, 5, d[:2]).astype(np.uint8)
)


@given(label_maps, shapes)
def test_labels_are_the_likeliest_of_resampled_one_hot_labels(labels, shape):
    one_hot = np.stack([labels == k for k in range(5)])
    expected = resample(one_hot, shape).argmax(0)
    np.testing.assert_array_equal(resample_labels(labels, shape), expected)


def test_far_apart_labels_are_neither_lost_nor_invented():
    labels = np.repeat(np.array([0, 700, 3, 40_000], np.uint16), 4)
    resampled = resample_labels(labels, (31,))
    assert resampled.dtype == np.uint16
    assert present_labels(resampled) == [0, 3, 700, 40_000]


def test_the_nearest_axis_of_labels_only_takes_over():
    labels = np.random.default_rng(0).integers(0, 4, (3, 5))
    tripled = resample_labels(labels, (9, 5), nearest_axis=0)
    np.testing.assert_array_equal(tripled, labels.repeat(3, axis=0))


@pytest.mark.parametrize("oblique", [0.0, 0.3])
def test_a_resampled_grid_keeps_its_outer_faces(oblique):
    grid = Grid((4, 6, 5), affine_of((1, 2, 0), (-1, 1, 1), oblique))
    new = resampled_grid(grid, (8, 3, 7))
    for corner in np.ndindex(2, 2, 2):
        old_face = np.array(corner) * grid.shape - 0.5
        new_face = np.array(corner) * new.shape - 0.5
        np.testing.assert_allclose(new.to_world(new_face), grid.to_world(old_face), atol=1e-9)
    np.testing.assert_allclose(new.directions, grid.directions, atol=1e-12)


def test_a_grid_and_its_array_agree_where_something_lies_in_the_world():
    grid = Grid((40, 44, 36), affine_of((2, 0, 1), (1, -1, -1), 0.2))
    places = np.moveaxis(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    target = grid.to_world([18.3, 24.1, 15.8])
    sd = 3 * min(grid.spacing_mm)
    blob = np.exp(-((places - target.reshape(3, 1, 1, 1)) ** 2).sum(0) / (2 * sd**2))
    for kind in ("linear", "cubic"):
        for shape in [(60, 50, 70), (25, 30, 33)]:
            found = ndimage.center_of_mass(resample(blob, shape, kind=kind))
            apart = np.linalg.norm(resampled_grid(grid, shape).to_world(found) - target)
            assert apart < 0.02 * min(grid.spacing_mm)
