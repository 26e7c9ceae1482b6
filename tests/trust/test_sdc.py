"""Soft Dice confidence: by hand, as it is defined, its law, its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segscope.trust.sdc import soft_dice_confidence


def literal(p):
    """The definition over voxels."""
    y = (p > 0.5).astype(float)
    if not y.any():
        return 0.0
    return 2 * (p * y).sum() / (p.sum() + y.sum())


def of(p):
    y = p > 0.5
    return float(soft_dice_confidence([p[y].sum()], [p.sum()], [y.sum()])[0])


def test_by_hand():
    # p = .9 .7 .2, y = 1 1 0: 2 (.9 + .7) / (1.8 + 2)
    assert soft_dice_confidence([1.6], [1.8], [2])[0] == pytest.approx(3.2 / 3.8)


@given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)))
def test_it_is_its_definition_and_one_only_of_a_certain_prediction(p):
    assert of(p) == pytest.approx(literal(p))
    certain = (p > 0.5).astype(float)
    assert of(certain) == (1.0 if certain.any() else 0.0)
    assert 0 <= of(p) <= 1


def test_an_empty_prediction_has_the_lowest_whatever_is_expected():
    assert soft_dice_confidence([0.0, 0.0], [3.0, 0.0], [0, 0]).tolist() == [0.0, 0.0]
