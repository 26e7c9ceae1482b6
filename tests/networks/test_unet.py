"""U-Nets: the definition written out, symmetries, thin axes."""

import pytest
import torch
from torch.nn import functional

from segscope.networks import (
    ANUNet,
    UNet,
)

SMALL = {"widths": (4, 6, 8)}


def test_unet_equals_its_definition_written_out():
    net = UNet(2, 1, 2, **SMALL).eval()
    x = torch.randn(1, 1, 8, 8)
    a = net.encoder[0](x)
    b = net.encoder[1](functional.max_pool2d(a, 2))
    c = net.encoder[2](functional.max_pool2d(b, 2))
    d = net.decoder[0](torch.cat([b, net.ups[0](c)], 1))
    e = net.decoder[1](torch.cat([a, net.ups[1](d)], 1))
    torch.testing.assert_close(net(x), net.head(e))


def test_volumes_constant_along_an_axis_keep_that_symmetry():
    net = UNet(3, 1, 1, **SMALL).eval()
    x = torch.randn(1, 1, 8, 8).unsqueeze(-1).expand(-1, -1, -1, -1, 128)
    out = net(x)
    torch.testing.assert_close(out[..., 63], out[..., 67])  # far from both ends, same phase


def test_strides_per_axis_leave_a_thin_axis_alone():
    net = ANUNet(3, 1, 2, widths=(4, 6, 8), strides=((2, 2, 1), (2, 2, 1)))
    assert net.multiple == (4, 4, 1)
    assert net(torch.zeros(2, 1, 8, 8, 3)).shape == (2, 2, 8, 8, 3)
    assert net.prune(1).multiple == (2, 2, 1)


def test_networks_without_gates_have_no_attention():
    with pytest.raises(ValueError, match="no attention gates"):
        UNet(2, 1, 1, **SMALL).attention(torch.zeros(1, 1, 8, 8))
