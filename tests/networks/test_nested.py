"""Nested networks: their equation, pruning, attention."""

import pytest
import torch
from torch.nn import functional

from segscope.networks import (
    ANUNet,
    AttentionUNet,
    UNetPlusPlus,
)

SMALL = {"widths": (4, 6, 8)}


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


def test_attention_is_named_by_node_and_lies_in_0_1():
    maps = ANUNet(2, 1, 1, widths=(4, 6, 8), gates="all").attention(torch.randn(1, 1, 8, 8))
    assert sorted(maps) == ["0,1,0", "0,2,0", "0,2,1", "1,1,0"]
    assert maps["1,1,0"].shape == (1, 1, 4, 4)
    assert all(m.min() >= 0 and m.max() <= 1 for m in maps.values())
    assert set(AttentionUNet(2, 1, 1, **SMALL).attention(torch.randn(1, 1, 8, 8))) == {
        "level0",
        "level1",
    }
