"""Distances to a mask."""

import math

import numpy as np
import pytest

from segscope.priors import prior_distance


def test_distance_by_hand_and_at_the_edges():
    mask = np.zeros((10, 10), int)
    mask[2:6, 2:6] = 1
    prediction = np.zeros((10, 10), int)
    prediction[4:8, 2:6] = 2
    found = prior_distance(prediction, mask, (3.0, 1.0))
    assert (found.centre_mm, found.volume_ratio, found.share_outside) == (6.0, 1.0, 0.5)
    nothing = prior_distance(np.zeros_like(mask), mask, (3.0, 1.0))
    assert math.isnan(nothing.centre_mm)
    assert math.isnan(nothing.share_outside)
    assert nothing.volume_ratio == 0
    assert math.isnan(prior_distance(prediction, np.zeros_like(mask), (1.0, 1.0)).volume_ratio)
    with pytest.raises(ValueError, match="must agree"):
        prior_distance(prediction, mask, (1.0,))
