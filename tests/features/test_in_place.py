"""What a network writes over after a layer has run changes nothing that is read of it."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks
from tests.features.layers_read import X, layers_of
from tests.twins import FUNCTIONS, module_twins, twins

LAYERS = ["c1", "c2", "bn"]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_features_are_those_of_the_network_out_of_place(name, mode):
    net, other = twins(name)
    expected = layers_of(other)
    ran = [layer for layer in LAYERS if layer in expected]
    with mode(), FeatureHooks(net, ran) as hooks:
        said = net(X.clone())
    assert list(hooks.features) == ran
    for layer in ran:
        assert torch.equal(hooks.features[layer].detach(), expected[layer])
    assert torch.equal(said.detach(), other(X.clone()).detach())


@pytest.mark.parametrize(
    "act", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Hardswish, nn.Mish, nn.ReLU6]
)
def test_modules_in_place_change_nothing(act):
    net, other = module_twins(act)
    for layers in (["0", "1", "3", "4"], nn.BatchNorm2d, "auto"):
        with (
            torch.inference_mode(),
            FeatureHooks(net, layers) as a,
            FeatureHooks(other, layers) as b,
        ):
            net(X.clone()), other(X.clone())
        assert list(a.features) == list(b.features)
        assert all(torch.equal(a.features[name], b.features[name]) for name in b.features)


def test_gradients_flow_to_what_the_layer_gave():
    """A loss on features that are written over later is the loss of the network out of place."""
    found = []
    for net in twins("norm"):
        with FeatureHooks(net, ["bn"]) as hooks:
            said = net(X.clone())
        loss = hooks.features["bn"].square().sum() + said.sum()
        found.append(torch.autograd.grad(loss, net.c1.weight)[0])
    assert torch.equal(*found)
