"""Volumes and centres: hand-worked, scipy's answer, laws, and the empty sets."""

import math

import pytest
from hypothesis import assume, given
from hypothesis.extra.numpy import arrays

from segscope.metrics import Counts, count_agreement, volume_scores

masks = arrays(bool, (5, 4, 6))


def test_volumes_by_hand():
    assert volume_scores(Counts(tp=5, fp=0, fn=5, tn=90)) == {
        "avd_percent": 50.0,
        "volume_difference_percent": -50.0,
        "pcd_percent": 10.0,
    }


def test_a_volume_without_truth_has_no_difference():
    found = volume_scores(Counts(0, 3, 0, 7))
    assert math.isnan(found["avd_percent"])
    assert math.isnan(found["volume_difference_percent"])
    assert found["pcd_percent"] == 0


@given(masks, masks)
def test_the_difference_is_that_of_the_sums(prediction, truth):
    assume(truth.any())
    found = volume_scores(count_agreement(prediction, truth))
    signed = 100 * (prediction.sum() / truth.sum() - 1)
    assert found["volume_difference_percent"] == pytest.approx(signed)
    assert found["avd_percent"] == pytest.approx(abs(signed))
    assert found["pcd_percent"] == pytest.approx(100 * truth.mean())
