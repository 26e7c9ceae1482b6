"""Figures of quality: by hand, at their extremes, and worst for predictions of nothing."""

import math

import pytest
import torch

from segscope.trust.agreement import pairwise_dice
from segscope.trust.confidence import foreground_negative_entropy, max_probability


def test_max_probability_by_hand():
    assert max_probability(torch.tensor([[0.9, 0.2]])) == pytest.approx(0.85)
    assert max_probability(torch.tensor([[0.2, 0.6], [0.5, 0.3], [0.3, 0.1]])) == pytest.approx(
        0.55
    )


def test_foreground_negative_entropy_by_hand():
    p = 0.9
    entropy = -(p * math.log(p) + 0.1 * math.log(0.1)) / math.log(2)
    # the uncertain background (0.45) takes no part
    assert foreground_negative_entropy(torch.tensor([[p, 0.45]])) == pytest.approx(
        1 - entropy, abs=1e-6
    )
    three = torch.tensor([[0.1, 0.9], [0.6, 0.05], [0.3, 0.05]])
    entropy = -sum(q * math.log(q) for q in (0.1, 0.6, 0.3)) / math.log(3)
    assert foreground_negative_entropy(three) == pytest.approx(1 - entropy, abs=1e-6)


def test_a_prediction_of_nothing_has_the_lowest_values():
    assert foreground_negative_entropy(torch.zeros(1, 4)) == 0.0
    nothing = [torch.zeros(4), torch.zeros(4)]
    assert pairwise_dice(nothing, 2) == 0.0
