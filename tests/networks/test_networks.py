"""Networks: published counts, literal re-implementations, pruning bit for bit, gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segscope.networks import (
    NETWORKS,
    ANUNet,
    AttentionUNet,
    UNet,
    UNetPlusPlus,
    build_network,
    count_parameters,
    fold_batch_norms,
    multiply_adds,
)
from segscope.networks.blocks import AttentionGate, Kit, RecurrentConv

SMALL = {"widths": (4, 6, 8)}
EVERY = pytest.mark.parametrize("name", NETWORKS)


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("unet", 7_766_369, 12.03),
        ("r2unet", 8_908_321, 33.83),
        ("attention_unet", 7_856_237, 12.37),
        ("attention_r2unet", 8_998_189, 34.17),
        ("unetplusplus", 8_828_420, 29.75),
        ("anunet", 8_950_594, 30.70),
    ],
)
def test_counts_at_the_papers_widths(name, parameters, giga):
    net = build_network(name, 2, 1, 1)
    assert count_parameters(net) == parameters
    assert multiply_adds(net, (1, 1, 256, 256)) / 1e9 == pytest.approx(giga, abs=0.006)


@pytest.mark.parametrize(
    ("gates", "counts"),
    [
        ("newest", (103_812, 513_387, 2_191_829, 8_950_594)),
        ("all", (103_812, 515_662, 2_202_977, 8_994_048)),
    ],
)
def test_pruned_counts_are_those_of_table_6(gates, counts):
    net = ANUNet(2, 1, 1, gates=gates)
    assert tuple(count_parameters(net.prune(k)) for k in (1, 2, 3, 4)) == counts


def test_pruned_multiply_adds():
    net = ANUNet(2, 1, 1)
    found = [multiply_adds(net.prune(k), (1, 1, 256, 256)) / 1e9 for k in (1, 2, 3, 4)]
    assert found == pytest.approx([3.61, 9.22, 18.05, 30.70], abs=0.006)


@EVERY
@pytest.mark.parametrize("dims", [2, 3])
def test_every_parameter_receives_a_gradient(name, dims):
    net = build_network(name, dims, 2, 3, **SMALL)
    heads = net.heads(torch.randn(2, 2, *[8] * dims))
    sum(head.square().mean() for head in heads).backward()
    # a convolution's bias before a batch norm is subtracted again: its gradient is zero up to
    # rounding, so being part of the graph is what can be asked of all
    missing = [name for name, p in net.named_parameters() if p.grad is None]
    assert missing == []
    assert all(head.shape == (2, 3, *[8] * dims) for head in heads)
    assert len(heads) == net.head_count


@EVERY
def test_the_last_head_is_the_output(name):
    net = build_network(name, 2, 1, 2, **SMALL).eval()
    x = torch.randn(1, 1, 16, 8)
    assert torch.equal(net(x), net.heads(x)[-1])


@pytest.mark.parametrize("kind", [UNetPlusPlus, ANUNet])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_pruning_equals_the_head_bit_for_bit(kind, dims, norm):
    net = kind(dims, 1, 2, widths=(4, 6, 8, 10), norm=norm)
    x = torch.randn(2, 1, *[16] * dims)
    net(x)  # batch norms get statistics of their own
    net.eval()
    heads = net.heads(x)
    state = net.state_dict()
    for level in (1, 2, 3):
        small = net.prune(level)
        assert torch.equal(small(x), heads[level - 1])
        assert all(torch.equal(state[k], v) for k, v in small.state_dict().items())


@pytest.mark.parametrize("level", [0, 3])
def test_a_level_that_is_not_there_is_refused(level):
    with pytest.raises(ValueError, match="1 to 2"):
        ANUNet(2, 1, 1, **SMALL).prune(level)


def literal_anunet(net, x, gates):
    """Equation 4 with dictionaries, row by row, by functional calls on the same weights."""
    depth = len(net.widths) - 1
    node = {}

    def block(name, value):
        return net.blocks[name](value)

    for i in range(depth + 1):
        below = x if i == 0 else functional.max_pool2d(node[i - 1, 0], 2)
        node[i, 0] = block(f"{i},0", below)
    for j in range(1, depth + 1):
        for i in range(depth + 1 - j):
            convolution, norm, _ = net.ups[i]
            g = torch.relu(norm(convolution(node[i + 1, j - 1])))
            parts = []
            for k in range(j):
                f = node[i, k]
                if gates == "all" or k == j - 1:
                    gate = net.gates[f"{i},{j},{k}"]
                    inner = torch.relu(gate.of_gate(g) + gate.of_skip(f))
                    f = f * torch.sigmoid(gate.to_map(inner))
                parts.append(f)
            node[i, j] = block(f"{i},{j}", torch.cat([*parts, g], 1))
    return [net.outputs[j - 1](node[0, j]) for j in range(1, depth + 1)]


@pytest.mark.parametrize("gates", ["newest", "all"])
def test_anunet_equals_equation_4_written_out(gates):
    net = ANUNet(2, 1, 2, widths=(4, 6, 8, 10), gates=gates).eval()
    x = torch.randn(1, 1, 16, 24)
    for found, expected in zip(net.heads(x), literal_anunet(net, x, gates), strict=True):
        torch.testing.assert_close(found, expected)


def test_unet_equals_its_definition_written_out():
    net = UNet(2, 1, 2, **SMALL).eval()
    x = torch.randn(1, 1, 8, 8)
    a = net.encoder[0](x)
    b = net.encoder[1](functional.max_pool2d(a, 2))
    c = net.encoder[2](functional.max_pool2d(b, 2))
    d = net.decoder[0](torch.cat([b, net.ups[0](c)], 1))
    e = net.decoder[1](torch.cat([a, net.ups[1](d)], 1))
    torch.testing.assert_close(net(x), net.head(e))


def test_an_attention_gate_by_hand():
    gate = AttentionGate(Kit(1, "batch"), 1, inner=1).eval()  # fresh norms: x / sqrt(1 + 1e-5)
    with torch.no_grad():
        for layer, weight in ((gate.of_gate, 2.0), (gate.of_skip, 1.0), (gate.to_map, 3.0)):
            layer[0].weight.fill_(weight)
            layer[0].bias.fill_(0.0)
    skip, signal = torch.tensor([[[1.0, -4.0]]]), torch.tensor([[[0.5, 1.0]]])
    # relu(2 * 0.5 + 1) = 2, sigmoid(6); relu(2 * 1 - 4) = 0, sigmoid(0)
    expected = torch.tensor([[[0.99752738, 0.5 * -4.0]]])
    torch.testing.assert_close(gate(skip, signal), expected, atol=1e-4, rtol=0)


def test_a_recurrent_convolution_adds_its_input_each_time():
    layer = RecurrentConv(Kit(1, "batch"), 1).eval()
    with torch.no_grad():
        layer.conv[0].weight.copy_(torch.tensor([[[0.0, 1.0, 0.0]]]))
        layer.conv[0].bias.zero_()
    # x, then x + x, then x + 2x, each divided by sqrt(1 + 1e-5)
    assert layer(torch.tensor([[[2.0]]])).item() == pytest.approx(6.0, rel=1e-4)


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


def test_attention_is_named_by_node_and_lies_in_0_1():
    maps = ANUNet(2, 1, 1, widths=(4, 6, 8), gates="all").attention(torch.randn(1, 1, 8, 8))
    assert sorted(maps) == ["0,1,0", "0,2,0", "0,2,1", "1,1,0"]
    assert maps["1,1,0"].shape == (1, 1, 4, 4)
    assert all(m.min() >= 0 and m.max() <= 1 for m in maps.values())
    assert set(AttentionUNet(2, 1, 1, **SMALL).attention(torch.randn(1, 1, 8, 8))) == {
        "level0",
        "level1",
    }


def test_networks_without_gates_have_no_attention():
    with pytest.raises(ValueError, match="no attention gates"):
        UNet(2, 1, 1, **SMALL).attention(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 1, 6, 8), "multiples of"), ((1, 2, 8, 8), "got"), ((1, 1, 8, 8, 8), "2 sides")],
)
def test_inputs_that_do_not_fit_are_named(shape, words):
    with pytest.raises(ValueError, match=words):
        UNet(2, 1, 1, **SMALL)(torch.zeros(shape))


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="did you mean 'anunet'"):
        build_network("anunett", 2, 1, 1)
    with pytest.raises(ValueError, match="two levels"):
        UNet(2, 1, 1, widths=(4,))
    with pytest.raises(ValueError, match="spatial_dims"):
        UNet(4, 1, 1)
    with pytest.raises(ValueError, match="gates"):
        ANUNet(2, 1, 1, gates="some")
    with pytest.raises(ValueError, match="norm"):
        UNet(2, 1, 1, norm="layer")


@pytest.mark.slow
@EVERY
def test_a_compiler_changes_nothing(name):
    torch.manual_seed(0)
    net = build_network(name, 2, 1, 1, **SMALL).eval()
    x = torch.randn(1, 1, 16, 16)
    expected = net(x)
    # recurrent sums without trained norms grow: rounding goes with the size of the answer
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(torch.compile(net)(x), expected, atol=1e-5 * scale, rtol=1e-4)


@EVERY
@pytest.mark.parametrize(("dims", "norm"), [(2, "batch"), (3, "batch"), (2, "instance")])
def test_folded_norms_answer_as_before(name, dims, norm):
    torch.manual_seed(0)
    net = build_network(name, dims, 1, 2, **SMALL, norm=norm)
    x = torch.randn(2, 1, *(16,) * dims)
    for _ in range(3):  # running statistics that are not those of a new network
        net(x)
    net.eval()
    folded = fold_batch_norms(net)
    for small, full in zip(folded.heads(x), net.heads(x), strict=True):
        torch.testing.assert_close(small, full, atol=1e-4, rtol=1e-4)
    norms = (nn.BatchNorm2d, nn.BatchNorm3d)
    assert not any(isinstance(module, norms) for module in folded.modules())
    assert net.state_dict().keys() >= folded.state_dict().keys()
