"""The loss on layers' features reads what they gave, whatever is written over it later."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks
from segscope.losses import PrototypeLoss
from segscope.networks import ANUNet, AttentionUNet, DenseUNet, R2UNet, UNet, UNetPlusPlus
from segscope.training.online import OnlineLoss


def gradient(net, layers, target):
    loss = OnlineLoss(lambda heads, target, image=None: heads[-1].sum() * 0, 1.0, PrototypeLoss())
    torch.manual_seed(1)
    x = torch.randn(1, 1, 8, 8)
    with loss.reading(net, layers):
        value = loss(net.heads(x), target)
    value.backward()
    return value.detach(), [p.grad.clone() for p in net.parameters() if p.grad is not None]


def test_named_layers_before_an_activation_in_place():
    target = (torch.arange(64).view(1, 1, 8, 8) % 3 == 0).long()
    found = []
    for in_place in (True, False):
        torch.manual_seed(0)
        net = UNetPlusPlus(2, 1, 1, widths=(2, 3)).train()
        for module in net.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = in_place
        found.append(gradient(net, nn.BatchNorm2d, target))
    assert torch.equal(found[0][0], found[1][0])
    assert len(found[0][1]) > 0
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


@pytest.mark.parametrize("make", [UNet, AttentionUNet, R2UNet, ANUNet, UNetPlusPlus, DenseUNet])
def test_activations_of_our_networks_are_not_written_over(make):
    """So they need no copies while a network learns."""
    net, seen = make(2, 1, 1, widths=(2, 3, 4)).train(), []
    with FeatureHooks(
        net, "auto", lambda name, features: seen.append((features, features._version))
    ):
        net.heads(torch.randn(2, 1, 8, 8))
    assert seen
    assert all(features._version == version for features, version in seen)
