"""Geometry of a case in the order of the patient."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.data.facts import ras_geometry
from segscope.images import Grid


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3), st.floats(-0.6, 0.6))
def test_geometry_in_ras_order_agrees_with_nibabel(axes, signs, angle):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ (np.diag([1.0, 2.0, 3.0, 1.0]) * [*signs, 1])[:, [*axes, 3]]
    shape = tuple(np.array([10, 20, 30])[list(axes)].tolist())
    image = nib.as_closest_canonical(nib.Nifti1Image(np.zeros(shape, np.uint8), affine))
    found_shape, spacing = ras_geometry(Grid(shape, affine))
    assert found_shape == image.shape
    assert spacing == pytest.approx(image.header.get_zooms())
