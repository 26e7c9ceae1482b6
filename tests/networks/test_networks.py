"""Networks: published counts, literal re-implementations, pruning bit for bit, gradients."""

import pytest
import torch

from segscope.networks import (
    NETWORKS,
    build_network,
)

SMALL = {"widths": (4, 6, 8)}
EVERY = pytest.mark.parametrize("name", NETWORKS)


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
