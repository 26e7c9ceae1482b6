"""What all architectures take is taken once."""

import pytest
import torch
from torch import nn

from segscope.networks.architecture import Architecture


class Steps(Architecture):
    def _make(self, kit, *, grow=1):
        self.sides = nn.ModuleList(kit.conv(grow, width, 1) for width in self.widths)

    def forward(self, x):
        return x


def test_sizes_norm_and_strides_are_kept_and_own_options_arrive():
    net = Steps(3, 2, 5, (4, 8, 16), norm="group", strides=[2, (1, 2, 3)], grow=7)
    assert (net.spatial_dims, net.in_channels, net.out_channels) == (3, 2, 5)
    assert (net.norm, net.multiple) == ("group", (2, 4, 6))
    assert [tuple(side.weight.shape) for side in net.sides] == [
        (4, 7, 1, 1, 1), (8, 7, 1, 1, 1), (16, 7, 1, 1, 1)
    ]  # fmt: skip


def test_weights_are_drawn_for_relu_and_biases_are_zero():
    torch.manual_seed(0)
    first = Steps(2, 1, 1, widths=(4096, 4), grow=8).sides[0]
    assert first.weight.std().item() == pytest.approx((2 / 8) ** 0.5, rel=0.02)  # He et al., eq. 10
    assert not bool(first.bias.any())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gorw": 3}, r"Steps\.__init__\(\) got an unexpected keyword argument 'gorw'"),
        ({"norm": "layer"}, "norm must be batch, instance or group, got 'layer'"),
        ({"strides": [2]}, "strides must name one step between each two of 5 widths, got 1"),
    ],
    ids=["misspelt", "norm", "strides"],
)
def test_an_option_that_is_not_there_or_out_of_range_is_refused(options, said):
    with pytest.raises((TypeError, ValueError), match=said):
        Steps(2, 1, 1, **options)


def test_an_architecture_without_layers_is_none():
    with pytest.raises(NotImplementedError):
        Architecture(2, 1, 1)
