"""Heads: against the network's own list of heads, and none where there are none."""

import numpy as np
import pytest
import torch

from segscope.networks import build_network
from segscope.trust.agreement import class_dice
from segscope.trust.heads import has_heads, head_agreement


def nested(out, dims=2):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network("unetplusplus", dims, 1, out, widths=[2, 4, 4, 4]).eval()


@pytest.mark.parametrize(("out", "dims"), [(1, 2), (3, 2), (3, 3)])
def test_it_is_the_dice_of_every_head_with_the_output(out, dims):
    net, classes = nested(out, dims), max(1, out - 1)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 1, *[16] * dims))).float()
    with torch.inference_mode(), head_agreement(net, classes) as found:
        output = net(x)
    heads = net.heads(x)
    labels = [(h > 0 if out == 1 else h.argmax(1)).numpy().astype(np.uint8) for h in heads]
    dice = [np.nan_to_num(class_dice(labels[-1], one, classes)) for one in labels[:-1]]
    assert found.dice() == pytest.approx(np.mean(dice, 0))
    assert (net(x) == output).all()  # and the hooks are gone
    assert not net._forward_hooks


def test_other_networks_have_none():
    net = build_network("unet", 2, 1, 1, widths=[2, 4])
    assert not has_heads(net)
    with head_agreement(net, 1) as found:
        assert found is None
