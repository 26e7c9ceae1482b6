"""The prior network: its parts by the paper, counted by hand."""

import pytest
import torch
from torch import nn

from segscope.networks import NETWORKS, PriorUNet, build_network, count_parameters


def by_hand(channels, classes, widths, kernel=27, up=8):
    """Weights of the paper's network, block by block."""

    def block(i, o):
        return kernel * i * o + o + 2 * o + kernel * o * o + o + 2 * o

    total, previous = 0, channels
    for width in widths:
        total, previous = total + block(previous, width), width
    for wide, narrow in zip(widths[::-1], widths[-2::-1], strict=False):
        total += up * wide * narrow + narrow + block(2 * narrow, narrow)
    return total + widths[0] * classes + classes


@pytest.mark.parametrize("widths", [(32, 64, 128, 256, 512), (3, 5)])
def test_parameters_are_those_counted_by_hand(widths):
    net = PriorUNet(3, 2, 4, widths=widths)
    assert count_parameters(net) == by_hand(2, 4, widths)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_one_code_for_all_dimensions(dims, activation):
    net = PriorUNet(dims, 2, 3, widths=(4, 6), activation=activation)
    out = net(torch.randn(2, 2, *(8,) * dims))
    assert out.shape == (2, 3, *(8,) * dims)
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    kind = nn.Sigmoid if activation == "sigmoid" else nn.ReLU
    assert sum(isinstance(module, kind) for module in net.modules()) == 2 * 3


def test_whole_channels_drop_in_training_and_none_in_evaluation():
    torch.manual_seed(0)
    net = PriorUNet(2, 1, 1, widths=(16, 16), dropout=0.5)
    features = net.encoder[0](torch.randn(1, 1, 8, 8))
    empty = (features == 0).flatten(2).all(-1)
    assert 0 < empty.sum() < 16
    assert ((features == 0).flatten(2).any(-1) == empty).all()
    net.eval()
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(net(x), net(x))


def test_its_name_in_recipes():
    assert NETWORKS["prior_unet"] is PriorUNet
    assert isinstance(build_network("prior_unet", 2, 1, 2, widths=(4, 8)), PriorUNet)


@pytest.mark.parametrize(
    ("option", "said"), [({"activation": "tanh"}, "activation"), ({"dropout": 1.0}, "dropout")]
)
def test_options_out_of_range_are_named(option, said):
    with pytest.raises(ValueError, match=said):
        PriorUNet(2, 1, 1, widths=(4, 8), **option)
