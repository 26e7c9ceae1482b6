"""Levels of ANU-Net are averaged."""

import pytest

from segscope.inference import LevelRow
from segscope.studies.anunet_levels import mean_level


def test_levels_are_averaged_over_trials():
    one, two = LevelRow(2, 9, 8, 0.1, 0.8, 0.7, 5, 0), LevelRow(2, 9, 8, 0.3, 0.6, 0.5, 4, 1)
    found = mean_level([one, two])
    assert (found.level, found.parameters, found.multiply_adds) == (2, 9, 8)
    assert (found.seconds, found.dice, found.iou) == pytest.approx((0.2, 0.7, 0.6))
    assert (found.cases, found.undefined) == (9, 1)
