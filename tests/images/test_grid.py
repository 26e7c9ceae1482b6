"""One rule for affines: what maps voxels to places of their own is read, whatever its scale."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segscope.images import Grid, is_invertible

SHEAR = np.array([[1, 0.999, 0, 0], [0, 0.045, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
TURN = np.array([[0.6, -0.8, 0, 5], [0.8, 0.6, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-3, 1, 1e6, 1e30])
@pytest.mark.parametrize("affine", [np.eye(4), TURN, SHEAR], ids=["upright", "turned", "sheared"])
def test_scale_does_not_matter(affine, scale):
    scaled = affine.copy()
    scaled[:3, :3] *= scale
    assert is_invertible(scaled)
    np.testing.assert_allclose(Grid((2, 2, 2), scaled).directions.T @ TURN[:3, :3],
                               Grid((2, 2, 2), affine).directions.T @ TURN[:3, :3])  # fmt: skip


@pytest.mark.parametrize("spacing", [(1e9, 1, 1), (1, 1e-6, 1e6), (1e-9, 1e-9, 1)])
def test_axes_of_unequal_length_are_no_fault(spacing):
    assert is_invertible(np.diag([*spacing, 1.0]))
    assert Grid.from_spacing((2, 2, 2), spacing).spacing_mm == pytest.approx(spacing)


def changed(place, value):
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[place] = value
    return affine


@pytest.mark.parametrize(
    "affine",
    [
        changed((0, 0), 0.0),
        changed((0, 0), math.nan),
        changed((1, 3), math.inf),
        changed((0, 0), 1e200),
        changed((0, 1), 1e30),
        changed((3, 0), 1.0),
        changed((3, 3), 0.0),
        np.array([[1, 2, 0, 0], [1, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array(
            [[0.1, np.float32(0.3), 0, 0], [0.2, np.float32(0.6), 0, 0], [0, 0, 1, 0],
             [0, 0, 0, 1.0]]
        ),
    ],
    ids=["a zero axis", "nan", "infinite origin", "1e200", "one axis along another", "last row",
         "no one in the corner", "parallel axes", "parallel but for rounding"],
)  # fmt: skip
def test_what_is_no_grid_is_refused(affine):
    assert not is_invertible(affine)
    with pytest.raises(ValueError, match="finite and invertible"):
        Grid((2, 2, 2), affine)


def test_planes_follow_the_same_rule():
    assert is_invertible(np.diag([1e-6, 1e3, 1.0]))
    with pytest.raises(ValueError, match="finite and invertible"):
        Grid((2, 2), np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1.0]]))
    with pytest.raises(ValueError, match="must be 3 x 3"):
        Grid((2, 2), np.eye(4))


@given(st.lists(st.floats(-1, 1), min_size=9, max_size=9))
def test_the_short_way_for_axes_far_apart_is_the_rule_itself(numbers):
    linear = np.array(numbers).reshape(3, 3)
    lengths = np.linalg.norm(linear, axis=0)
    assume((np.abs(linear).max(axis=0) > 1e-3).all())
    affine = np.eye(4)
    affine[:3, :3] = linear
    least = np.linalg.svd(linear / lengths, compute_uv=False)[-1]
    assume(abs(least - 1e-6) > 1e-9)  # at the limit itself rounding decides
    assert is_invertible(affine) == (least > 1e-6)
