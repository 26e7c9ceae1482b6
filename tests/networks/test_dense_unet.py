"""The dense U-Net: its definition written out, counted by hand, in 2D and 3D, options refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segscope.networks import count_parameters, fold_batch_norms
from segscope.networks.blocks import Kit
from segscope.networks.dense_unet import DenseBlock, DenseUNet

SMALL = {"widths": (4, 6, 8)}


def literal_layer(layer, x, dims):
    convolve = {2: functional.conv2d, 3: functional.conv3d}[dims]
    conv, norm, _ = layer
    x = convolve(x, conv.weight, conv.bias, padding=1)
    x = functional.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False
    )
    return torch.where(x > 0, x, 0.1 * x)


def literal_block(block, x, dims):
    seen = x
    for layer in block.layers:
        x = literal_layer(layer, seen, dims)
        seen = torch.cat([seen, x], 1)
    return x


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_equals_its_definition_written_out(dims, layers):
    net = DenseUNet(dims, 2, 3, layers=layers, **SMALL)
    x = torch.randn(2, 2, *[8] * dims)
    net(x)  # batch norms get statistics of their own
    net.eval()
    pool = {2: functional.max_pool2d, 3: functional.max_pool3d}[dims]
    up = {2: functional.conv_transpose2d, 3: functional.conv_transpose3d}[dims]
    a = literal_block(net.encoder[0], x, dims)
    b = literal_block(net.encoder[1], pool(a, 2), dims)
    c = literal_block(net.encoder[2], pool(b, 2), dims)
    d = up(c, net.ups[0].weight, net.ups[0].bias, stride=2)
    d = literal_block(net.decoder[0], torch.cat([b, d], 1), dims)
    e = up(d, net.ups[1].weight, net.ups[1].bias, stride=2)
    e = literal_block(net.decoder[1], torch.cat([a, e], 1), dims)
    torch.testing.assert_close(net(x), net.head(e))
    assert torch.equal(net.heads(x)[-1], net(x))


def test_a_dense_block_by_hand():
    block = DenseBlock(Kit(1), 1, 1, 2).eval()  # fresh norms: x / sqrt(1 + 1e-5)
    for layer in block.layers:
        nn.init.zeros_(layer[0].weight)
        nn.init.zeros_(layer[0].bias)
    with torch.no_grad():
        block.layers[0][0].weight[0, 0, 1] = -1.0  # -2 becomes 2, 3 becomes -3 and leaks -0.3
        block.layers[1][0].weight[0, :, 1] = torch.tensor([10.0, 1.0])  # 10 x + the first layer
    found = block(torch.tensor([[[-2.0, 3.0]]]))
    torch.testing.assert_close(found, torch.tensor([[[-1.8, 29.7]]]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_parameters_are_those_counted_by_hand(dims, layers):
    def block(i, o):  # convolutions with bias, a norm's scale and shift
        return sum((i + k * o) * o * 3**dims + o + 2 * o for k in range(layers))

    w = (4, 6, 8)
    down = block(2, w[0]) + block(w[0], w[1]) + block(w[1], w[2])
    ups = (w[2] * w[1] + w[1] * w[0]) * 2**dims + w[1] + w[0]
    back = block(2 * w[1], w[1]) + block(2 * w[0], w[0])
    net = DenseUNet(dims, 2, 3, w, layers=layers)
    assert count_parameters(net) == down + ups + back + w[0] * 3 + 3


def test_the_papers_shape_is_the_default():
    net = DenseUNet(2, 1, 1)
    assert net.widths == (32, 64, 128, 256, 512)
    assert len(net.encoder) == 5  # four down and the bottleneck
    assert len(net.decoder) == 4
    assert net.multiple == (16, 16)
    assert net(torch.zeros(2, 1, 16, 32)).shape == (2, 1, 16, 32)
    slopes = {m.negative_slope for m in net.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.1}
    assert not any(isinstance(m, nn.ReLU) for m in net.modules())


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_every_parameter_receives_a_gradient(dims, norm):
    net = DenseUNet(dims, 2, 3, norm=norm, **SMALL)
    net(torch.randn(2, 2, *[8] * dims)).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_it_takes_other_strides_and_folds_its_norms():
    net = DenseUNet(3, 1, 2, strides=[(2, 2, 1), 2], **SMALL)
    assert net.multiple == (4, 4, 2)
    x = torch.randn(2, 1, 8, 4, 6)
    net(x)
    net.eval()
    folded = fold_batch_norms(net)
    assert not any(isinstance(m, nn.BatchNorm3d) for m in folded.modules())
    torch.testing.assert_close(folded(x), net(x), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_built_or_taken_is_refused():
    with pytest.raises(ValueError, match="layers must be at least 1"):
        DenseUNet(2, 1, 1, layers=0)
    with pytest.raises(ValueError, match="at least two levels"):
        DenseUNet(2, 1, 1, (8,))
    net = DenseUNet(2, 1, 1, **SMALL)
    with pytest.raises(ValueError, match="multiples"):
        net(torch.zeros(1, 1, 8, 6))
    with pytest.raises(ValueError, match="input must be"):
        net(torch.zeros(1, 2, 8, 8))
