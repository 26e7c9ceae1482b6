"""An encoder-decoder, its forward pass written out, its parameters counted by hand."""

import pytest
import torch
from torch import nn

from segscope.networks.blocks import ConvBlock
from segscope.networks.encoder_decoder import EncoderDecoder


def single(kit, i, o):
    return kit.conv(i, o)


class Made(EncoderDecoder):
    """Of blocks that are named when it is made."""

    def _make(self, kit, *, block=single):
        self._levels(kit, block)


def test_the_forward_pass_is_its_definition():
    torch.manual_seed(0)
    net = Made(2, 1, 3, (2, 4)).eval()
    x = torch.randn(1, 1, 6, 8)
    top = net.encoder[0](x)
    deep = net.encoder[1](nn.functional.max_pool2d(top, 2))
    up = net.ups[0](deep)
    expected = net.head(net.decoder[0](torch.cat([top, up], 1)))
    torch.testing.assert_close(net(x), expected)
    assert net(x).shape == (1, 3, 6, 8)


@pytest.mark.parametrize(("dims", "cube"), [(1, 3), (2, 9), (3, 27)])
def test_parameters_are_those_counted_by_hand(dims, cube):
    net = Made(dims, 1, 1, (2, 4))
    blocks = (1 * 2 + 2 * 4 + 4 * 2) * cube + 2 + 4 + 2
    up, head = 4 * 2 * 2**dims + 2, 2 + 1
    assert sum(p.numel() for p in net.parameters()) == blocks + up + head


def test_strides_per_axis_go_down_and_up_again():
    net = Made(3, 1, 2, (2, 3, 4), block=ConvBlock, norm="instance", strides=[(2, 2, 1), 2])
    shapes = []
    net.encoder[2].register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[2:])))
    assert net.eval()(torch.zeros(1, 1, 8, 8, 4)).shape == (1, 2, 8, 8, 4)
    assert shapes == [(2, 2, 2)]


def test_images_that_cannot_be_halved_are_refused():
    net = Made(2, 1, 1, (2, 4))
    with pytest.raises(ValueError, match="7"):
        net(torch.zeros(1, 1, 7, 8))
