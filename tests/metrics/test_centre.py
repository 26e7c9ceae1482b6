"""Centres: through the affine, as scipy has them, and of nothing."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from segscope.images import Grid
from segscope.metrics import centre_distance

masks = arrays(bool, (5, 4, 6))


def test_centres_go_through_the_affine():
    a, b = np.zeros((2, 9, 9), bool)
    a[2, 2], b[5, 6] = True, True
    grid = Grid((9, 9), np.array([[0, 2.0, 7], [1.0, 0, 3], [0, 0, 1]]))
    assert centre_distance(a, b, grid) == pytest.approx(math.hypot(3, 8))


@given(masks, masks)
def test_centres_equal_scipys(prediction, truth):
    assume(prediction.any() and truth.any())
    grid = Grid.from_spacing(truth.shape, (0.5, 2.0, 3.0))
    apart = np.subtract(ndimage.center_of_mass(prediction), ndimage.center_of_mass(truth))
    expected = np.linalg.norm(apart * grid.spacing_mm)
    assert centre_distance(prediction, truth, grid) == pytest.approx(expected, abs=1e-9)


@given(arrays(bool, array_shapes(max_dims=3, max_side=5)))
def test_an_empty_mask_has_no_centre(mask):
    grid = Grid.from_spacing(mask.shape)
    for pair in ((mask, np.zeros_like(mask)), (np.zeros_like(mask), mask)):
        assert math.isnan(centre_distance(*pair, grid))
