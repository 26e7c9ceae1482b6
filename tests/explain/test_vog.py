"""Variance of gradients."""

import math

import pytest
import torch
from torch import nn

from segscope.explain import (
    normalised,
    variance_of_gradients,
)


def linear(weight):
    net = nn.Conv2d(1, 2, 1)
    nn.init.zeros_(net.weight)
    net.weight.data[1] = weight
    net.weight.data[0] = -weight
    return net


def test_variance_of_gradients_by_hand():
    # the foreground's logit less the background's has the gradient 2 w at every pixel
    networks = [linear(w) for w in (1.0, 2.0, 6.0)]
    expected = 2 * math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3)
    found = variance_of_gradients(networks, torch.randn(2, 1, 3, 3))
    assert found == pytest.approx(expected)
    assert variance_of_gradients([networks[0]] * 2, torch.zeros(1, 1, 2, 2)) == 0.0
    with pytest.raises(ValueError, match="two checkpoints"):
        variance_of_gradients(networks[:1], torch.zeros(1, 1, 2, 2))


def test_gradients_are_had_in_inference_mode_too():
    networks = [linear(1.0), linear(2.0)]
    with torch.inference_mode():
        assert variance_of_gradients(networks, torch.ones(1, 1, 2, 2)) > 0


def test_normalised_values_have_mean_zero_and_spread_one():
    found = torch.tensor(normalised([1.0, 5.0, 6.0]))
    assert found.mean().item() == pytest.approx(0, abs=1e-7)
    assert found.std(correction=0).item() == pytest.approx(1)
    assert normalised([2.0, 2.0]) == [0.0, 0.0]
