"""Resampling: exact turns, zooms by hand, what is read from the surroundings, millimetres."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segscope.training.geometry import Geometry, affine_matrix, planes, resample, rotation

shapes = st.lists(st.integers(2, 7), min_size=2, max_size=3).map(tuple)


def sample(*shape, seed=0):
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.standard_normal((2, *shape)).astype(np.float32))
    return image, torch.from_numpy(random.integers(0, 4, shape))


@given(shapes)
def test_the_identity_reads_every_voxel_where_it_is(shape):
    image, label = sample(*shape)
    x, y = resample(image, label, Geometry(np.eye(len(shape))), shape)
    torch.testing.assert_close(x, image, rtol=0, atol=1e-5)
    assert torch.equal(y, label)


@pytest.mark.parametrize(("dims", "plane"), [(2, 0), (3, 0), (3, 1), (3, 2)])
def test_a_quarter_turn_is_numpys(dims, plane):
    image, label = sample(*[5] * dims)
    angles = [0.0] * len(planes(dims))
    angles[plane] = math.pi / 2
    x, y = resample(image, label, Geometry(rotation(angles, dims)), (5,) * dims)
    a, b = planes(dims)[plane]
    torch.testing.assert_close(x, image.rot90(-1, (1 + a, 1 + b)), rtol=0, atol=1e-4)
    assert torch.equal(y, label.rot90(-1, (a, b)))


@given(shapes, st.floats(-1, 1), st.floats(0.7, 1.4), st.integers(0, 50))
def test_inside_it_is_scipys_affine_transform(shape, angle, zoom, seed):
    dims = len(shape)
    image, label = sample(*(s + 8 for s in shape), seed=seed)
    matrix = affine_matrix([angle] * len(planes(dims)), zoom, (1.0,) * dims)
    source = Geometry(matrix).source_shape(shape)
    x, _ = resample(image, label, Geometry(matrix), shape)
    middle = (np.array(label.shape) - 1) / 2
    offset = middle - matrix @ ((np.array(shape) - 1) / 2)
    expected = ndimage.affine_transform(
        image[0].numpy(), matrix, offset, shape, order=1, mode="nearest"
    )
    assert len(source) == dims
    np.testing.assert_allclose(x[0].numpy(), expected, atol=2e-4)


@given(shapes, st.floats(-1, 1), st.floats(0.7, 1.4), st.booleans(), st.integers(0, 50))
def test_the_source_window_holds_all_that_is_read(shape, angle, zoom, bent, seed):
    """What lies beyond the window changes nothing, and the window is never smaller than that."""
    dims = len(shape)
    matrix = affine_matrix([angle] * len(planes(dims)), zoom, (1.0,) * dims)
    bends = np.random.default_rng(seed).normal(0, 1, (dims, *[3] * dims)).astype(np.float32)
    geometry = Geometry(matrix, bends if bent else None)
    wide = geometry.source_shape(shape)
    assert all(w >= s and (w - s) % 2 == 0 for w, s in zip(wide, shape, strict=True))
    image, label = sample(*wide, seed=seed)
    around = torch.nn.functional.pad(image, [3] * 2 * dims, value=1e6)
    label_around = torch.nn.functional.pad(label, [3] * 2 * dims, value=99)
    x, y = resample(image, label, geometry, shape)
    x_wide, y_wide = resample(around, label_around, geometry, shape)
    # an offset that is off by rounding may weigh a voxel outside by a millionth of its value
    torch.testing.assert_close(x_wide, x, rtol=0, atol=20.0)
    assert 99 not in y_wide
    assert set(y.unique().tolist()) <= set(label.unique().tolist())


def test_a_zoom_of_two_shows_the_middle_half_twice_as_large():
    label = torch.arange(8).repeat(8, 1)
    x, y = resample(label[None].float(), label, Geometry(np.eye(2) / 2), (8, 8))
    assert y[0].tolist() == [2, 2, 3, 3, 4, 4, 5, 5]
    torch.testing.assert_close(x[0, 0], torch.arange(8) / 2 + 1.75)


@given(shapes, st.floats(-3, 3), st.floats(0.5, 2))
def test_a_constant_stays_the_same_constant(shape, angle, zoom):
    matrix = affine_matrix([angle] * len(planes(len(shape))), zoom, (1.0,) * len(shape))
    label = torch.full(shape, 3)
    x, y = resample(torch.full((1, *shape), 7.5), label, Geometry(matrix), shape)
    torch.testing.assert_close(x, torch.full((1, *shape), 7.5))
    assert torch.equal(y, label)


def test_constant_bends_shift_along_their_own_axis():
    image, label = sample(6, 9)
    bends = np.zeros((2, 5, 5), np.float32)
    bends[1] = 2.0
    geometry = Geometry(np.eye(2), bends)
    assert geometry.source_shape((6, 5)) == (6, 9)
    x, y = resample(image, label, geometry, (6, 5))
    torch.testing.assert_close(x, image[:, :, 4:], rtol=0, atol=1e-5)
    assert torch.equal(y, label[:, 4:])


@given(st.floats(-1, 1))
def test_rotations_turn_millimetres(angle):
    sides = np.array([1.0, 1.0, 2.5])
    matrix = affine_matrix([0.0, angle, 0.0], 1.0, sides)
    in_mm = np.diag(sides) @ matrix @ np.diag(1 / sides)
    np.testing.assert_allclose(in_mm @ in_mm.T, np.eye(3), atol=1e-12)


def test_thick_slices_are_not_turned_out_of_their_plane():
    matrix = affine_matrix([0.3, 0.4, 0.5], 1.0, (1.0, 1.0, 5.0))
    np.testing.assert_allclose(matrix, rotation([0.3, 0.0, 0.0], 3))
