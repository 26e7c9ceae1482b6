"""Pooled features: by hand over several passes, the layers that are chosen, hooks that go."""

import numpy as np
import pytest
import torch
from torch import nn

from segscope.networks import build_network
from segscope.trust.taps import pooled_features, two_layers


def test_passes_are_pooled_as_one():
    net = nn.Sequential(nn.Identity(), nn.ReLU())
    x = torch.from_numpy(np.random.default_rng(0).normal(1, 2, (5, 3, 4, 4)))
    with pooled_features(net, ["1"]) as found:
        net(x[:2])
        net(x[2:])
    seen = x.clamp(min=0).movedim(1, 0).flatten(1)
    wanted = torch.cat([seen.mean(1), seen.std(1, correction=0)])
    assert found.vector() == pytest.approx(wanted.numpy(), rel=1e-5)
    assert not net[1]._forward_hooks


def test_a_layer_that_is_not_there_leaves_nothing():
    net = nn.Sequential(nn.ReLU())
    with pooled_features(net, ["0", "gone"]) as found:
        net(torch.ones(1, 1, 4))
    assert found.vector() is None


def test_values_that_are_not_finite_stay_so():
    net = nn.Sequential(nn.ReLU())
    with pooled_features(net, ["0"]) as found:
        net(torch.tensor([[[1.0, float("nan")]]]))
    assert np.isnan(found.vector()).any()


def test_the_deepest_and_the_last_layer_are_chosen():
    net = build_network("unet", 2, 1, 1, widths=[2, 4, 8]).eval()
    deepest, last = two_layers(net, torch.zeros(1, 1, 16, 16))
    assert deepest.startswith("encoder.2")
    assert last.startswith("decoder.1")
    assert two_layers(nn.Identity(), torch.zeros(1, 1, 4, 4)) == ()
