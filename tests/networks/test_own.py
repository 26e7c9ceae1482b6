"""Networks of other packages: what is wrong with one is told with its package."""

import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.networks import Segmenter, UNet, build_network
from tests.packages import installed

ARGUMENTS = {"widths": (4, 8), "norm": "batch", "strides": None}
CODE = """
    from torch import nn
    from segscope.networks import UNet

    class Plain(nn.Module):
        def __init__(self, spatial_dims, in_channels, out_channels, *, widths, norm, strides):
            super().__init__()
            self.conv = nn.Conv2d(in_channels, out_channels, 1)

        def forward(self, x):
            return self.conv(x)

    class Small(Plain):
        def forward(self, x):
            return self.conv(x)[..., ::2]

    class Failing(Plain):
        def forward(self, x):
            raise KeyError("norm")

    class Few(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()

    def number(spatial_dims, in_channels, out_channels, **options):
        return 3

    def known(spatial_dims, in_channels, out_channels, **options):
        return UNet(spatial_dims, in_channels, out_channels, **options)

    module = nn.Conv2d(1, 1, 1)
"""
NAMES = {"plain": "Plain", "small": "Small", "few": "Few", "number": "number", "own_unet": "known",
         "module": "module", "failing": "Failing"}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory):
    entries = {f"segscope.networks:{name}": found for name, found in NAMES.items()}
    with installed(tmp_path_factory.mktemp("site"), "own-networks", CODE, entries):
        yield


def test_a_plain_module_becomes_a_network_with_one_head():
    net = build_network("plain", 2, 1, 3, **ARGUMENTS)
    x = torch.rand(2, 1, 8, 6)
    assert isinstance(net, Segmenter)
    assert torch.equal(net(x), net.net.conv(x))
    assert [tuple(head.shape) for head in net.heads(x)] == [(2, 3, 8, 6)]
    assert (net.multiple, net.padded((7, 5))) == ((2, 2), (8, 6))
    with pytest.raises(ValueError, match="multiples"):
        net(torch.rand(1, 1, 7, 6))


def test_a_segmenter_is_taken_as_it_is():
    assert type(build_network("own_unet", 2, 1, 2, **ARGUMENTS)) is UNet


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("few", r"cannot be called with \(spatial_dims, in_channels, out_channels, widths=, norm="),
        ("number", "returns an int, a torch.nn.Module is expected"),
        ("module", "is a Conv2d, where a class or a function"),
        ("plane", "unknown network 'plane', did you mean 'plain'"),
    ],
)
def test_what_makes_no_network_is_told(name, said):
    with pytest.raises(ValueError, match=said) as told:
        build_network(name, 2, 1, 2, **ARGUMENTS)
    assert name == "plane" or "own-networks==1.2" in str(told.value)


def test_an_answer_of_another_shape_is_told():
    net = build_network("small", 2, 1, 2, **ARGUMENTS)
    with pytest.raises(InputError, match=r"gives \(1, 2, 8, 4\) for images \(1, 1, 8, 8\), expect"):
        net(torch.rand(1, 1, 8, 8))


def test_a_network_that_fails_is_named():
    with pytest.raises(InputError, match=r"'failing' of own-networks==1.2 .*KeyError: 'norm'"):
        build_network("failing", 2, 1, 2, **ARGUMENTS)(torch.rand(1, 1, 8, 8))


def test_weights_are_those_of_the_module():
    net = build_network("plain", 2, 1, 3, **ARGUMENTS)
    assert {name.removeprefix("net.") for name in net.state_dict()} == {"conv.weight", "conv.bias"}
    assert isinstance(net.net, nn.Module)
