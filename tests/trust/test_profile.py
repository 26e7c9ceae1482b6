"""The profile of layers: by hand, and of nothing."""

import math

import pytest

from segscope.trust.profile import above_chance, mean_profile


def test_by_hand():
    agreement, chance = [[0.9, 0.6], [0.5, 0.2]], [[0.4, 0.6], [0.1, 0.3]]
    assert above_chance(agreement, chance).round(6).tolist() == [[0.5, 0.0], [0.4, -0.1]]
    assert mean_profile(agreement, chance) == pytest.approx(0.2)


def test_what_is_undefined_is_no_better_than_chance():
    assert above_chance([[math.nan]], [[math.nan]]).tolist() == [[0.0]]
    assert mean_profile([], []) == 0.0
    with pytest.raises(ValueError, match="alike"):
        above_chance([[0.1]], [[0.1, 0.2]])
