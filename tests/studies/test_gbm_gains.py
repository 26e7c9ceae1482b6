"""Gains in percent: by hand, and against what the paper's text says of its tables."""

import math

import pytest

from segscope.experiments.statistics import Difference, Estimate
from segscope.studies.gbm_gains import gain_percent, gain_table, paper_gains
from segscope.studies.gbm_page import PAPER, mean_dice
from tests.experiments.outcomes import outcome


def test_a_gain_is_in_percent_of_the_images_mean():
    image = Estimate(0.5, 0.4, 0.6, 0.1, 8, 0)
    found = Difference("both", "image", Estimate(0.1, 0.05, 0.2, 0.1, 8, 0), 0.01, 0.02)
    assert gain_percent(found, image) == pytest.approx((20, 10, 40))
    nothing = Estimate(0.0, 0.0, 0.0, 0.0, 8, 0)
    assert all(math.isnan(value) for value in gain_percent(found, nothing))


def test_every_input_and_size_has_a_row():
    found = gain_table(outcome())
    part = outcome().of_size(1)
    image, both = (part.estimates("dice")[name].mean for name in ("image", "both"))
    first = found.rows[0]
    assert first[:2] == [1, "both"]
    assert first[2].startswith(f"{100 * (both / image - 1):+.1f} % (")


def test_the_papers_gains_are_those_of_its_means():
    gains = {row[0]: row[1:] for row in paper_gains(mean_dice(PAPER["brain_dice"]))}
    # brain, one case: image .25, mask .40, both .563
    assert gains[1] == pytest.approx([60.0, 125.3], abs=0.5)
