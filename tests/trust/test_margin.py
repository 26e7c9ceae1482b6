"""Margins: against the Dice of masks themselves, and the thickness of a known ring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segscope.trust.agreement import class_dice
from segscope.trust.margin import MOVED, band_thickness, threshold_margin


@given(hnp.arrays(np.float64, 9, elements=st.floats(0, 1)))
def test_it_is_the_mean_dice_of_masks_at_other_thresholds(p):
    counts = [[(p > limit).sum() for limit in MOVED]]
    masks = [(p > limit).astype(np.uint8) for limit in MOVED]
    found = threshold_margin(counts)[0]
    if not masks[2].any():
        assert found == 0
    else:
        dice = [class_dice(masks[2], masks[k], 1)[0] for k in (0, 1, 3, 4)]
        assert found == pytest.approx(np.mean(dice))


def test_a_thin_ring_has_its_thickness_over_the_radius():
    y, x = np.mgrid[-200:201, -200:201]
    r = np.hypot(y, x)
    ring, disc = ((r > 97) & (r < 103)).sum(), (r < 100).sum()
    assert band_thickness([ring], [disc], dims=2)[0] == pytest.approx(6 / 100, rel=0.05)


def test_what_is_not_there_has_an_endless_band():
    assert np.isinf(band_thickness([3], [0], dims=3)[0])
