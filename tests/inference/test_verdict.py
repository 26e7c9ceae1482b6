"""What is said of an image: seen, outside, far."""

import pytest

from segscope.inference import (
    compare,
)
from tests.inference.fingerprints import TWENTY, facts, plan_of, seen_in


# 20 cases: ratios may grow by 1 + 1/20; so outside begins at 1.575, far at 8.4 and 67.2 in volume
@pytest.mark.parametrize(
    ("spacing", "level"),
    [
        ((1.5, 1.0, 1.0), "seen"),
        ((1.6, 1.0, 1.0), "outside"),
        ((1.0, 1.0, 8.0), "outside"),
        ((1.0, 1.0, 8.5), "far outside"),
        ((0.11, 1.0, 1.0), "far outside"),
        ((5.0, 5.0, 5.0), "far outside"),
    ],
    ids=["near", "coarser", "thick", "thicker", "tenth", "volume"],
)
def test_spacing_is_compared_by_its_ratio_and_the_size_with_it(spacing, level):
    shape = tuple(max(1, round(n / s)) for n, s in zip((40, 50, 40), spacing, strict=True))
    found = compare(TWENTY, facts(shape=shape, spacing=spacing), plan_of())
    assert found.level == level
    if level != "seen":
        assert "training had 1 x 1 x 1 mm" in found.describe()[0]


def test_reasons_are_words_with_the_numbers_of_both_sides():
    varied = seen_in(*[facts(spacing=(s, s, s)) for s in (0.9, 1.0, 1.1)])
    said = compare(varied, facts(spacing=(5.0, 5.0, 5.0)), plan_of()).describe()
    assert said[0].startswith("FAR OUTSIDE of what this model has seen: spacing 5 x 5 x 5 mm, ")
    assert "training had 0.9 x 0.9 x 0.9 to 1.1 x 1.1 x 1.1 mm" in said[0]


# with 20 cases a larger field of view is far from 8.4 times along an axis, or 27 * 1.2 in volume
@pytest.mark.parametrize(
    ("shape", "level"),
    [
        ((60, 70, 60), "seen"),
        ((80, 50, 40), "outside"),
        ((120, 150, 120), "outside"),
        ((140, 170, 140), "far outside"),
        ((400, 400, 20), "far outside"),
        ((10, 10, 10), "outside"),
        ((1, 1, 1), "outside"),
    ],
    ids=["near", "longer", "27 times", "40 times", "ten times longer", "part", "voxel"],
)
def test_a_larger_field_of_view_is_far_and_a_smaller_one_is_not(shape, level):
    assert compare(TWENTY, facts(shape=shape), plan_of()).level == level
