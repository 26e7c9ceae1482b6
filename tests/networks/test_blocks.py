"""Blocks of networks, by hand."""

import pytest
import torch

from segscope.networks.blocks import AttentionGate, Kit, RecurrentConv


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
