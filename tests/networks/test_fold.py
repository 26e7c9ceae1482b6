"""Norms are folded into convolutions."""

import pytest
import torch
from torch import nn

from segscope.networks import (
    NETWORKS,
    build_network,
    fold_batch_norms,
)

SMALL = {"widths": (4, 6, 8)}


EVERY = pytest.mark.parametrize("name", NETWORKS)


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
