"""Shapes of masks: by hand in one to three dimensions, and their distance from known ones."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.trust.shape import MOST, ShapeReference, shape_measures, shape_reference

LINE = np.array([0, 1, 1, 0, 0, 1, 0, 0], np.uint8)


def test_a_line_by_hand():
    volume, extent, parts, largest, fill, border, centre = shape_measures(LINE, 1)[0]
    assert (volume, extent, parts) == pytest.approx((math.log(4), math.log(5), math.log(2)))
    assert (largest, fill, border) == pytest.approx((2 / 3, 3 / 5, 0.0))
    assert centre == pytest.approx(abs((1 + 2 + 5) / 3 - 3.5) / 4)


def test_a_corner_of_a_volume_by_hand():
    volume = np.zeros((4, 4, 4), np.uint8)
    volume[:2, :2, :2] = 2
    absent, found = shape_measures(volume, 2)
    assert absent[0] == 0
    assert np.isnan(absent[1:]).all()
    # 7 of its 8 voxels lie on the border; its centre is 1 from the middle along each axis
    wanted = [math.log(9), math.log(2), 0, 1, 1, 7 / 8, math.sqrt(3) / math.sqrt(12)]
    assert found == pytest.approx(wanted)


@given(st.integers(0, 3), st.booleans())
def test_turning_a_mask_changes_nothing(turns, flip):
    mask = np.zeros((6, 6), np.uint8)
    mask[1:3, 2:6] = 1
    turned = np.rot90(mask, turns)
    turned = turned[::-1] if flip else turned
    assert shape_measures(turned, 1)[0] == pytest.approx(shape_measures(mask, 1)[0])


def discs(radii, side=41):
    y, x = np.mgrid[:side, :side] - side // 2
    return [shape_measures((np.hypot(y, x) <= r).astype(np.uint8), 1) for r in radii]


def test_a_mask_like_the_known_ones_is_near_and_others_are_far():
    reference = shape_reference(discs(range(6, 13)), 1)
    like, tiny, none = discs([9, 1, -1])
    assert reference.distances(like).max() < 1
    assert reference.distances(tiny).max() > 3
    assert reference.distances(none)[0, 0] > 3  # the label is missing, which it never was
    assert reference.distances(none).max() <= MOST


def test_a_label_that_may_be_absent_is_missed_by_nobody():
    known = [*discs(range(6, 13)), *discs([-1])]
    assert shape_reference(known, 1).distances(discs([-1])[0]).max() == 0


def test_of_too_few_masks_nothing_is_far():
    reference = shape_reference(discs([6, 7, 8]), 1)
    assert reference.distances(discs([1])[0]).max() == 0
    assert shape_reference([], 2).distances(np.full((2, 7), np.nan)).max() == 0


def test_it_is_kept_as_json():
    for known in (discs(range(6, 13)), []):
        found = shape_reference(known, 1)
        again = ShapeReference.from_dict(json.loads(json.dumps(found.to_dict())))
        other = discs([3])[0]
        assert again.distances(other).tolist() == found.distances(other).tolist()
