"""Losses of several heads."""

import math

import torch
from torch import nn

from segscope.losses import (
    DeepSupervisionLoss,
    DiceLoss,
)


def labels(*shape, classes=3):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(1))


def test_deep_supervision_sums_the_heads():
    heads = [torch.randn(1, 2, 4) for _ in range(3)]
    y = labels(1, 1, 4, classes=2)
    single = [DiceLoss()(head, y) for head in heads]
    torch.testing.assert_close(DeepSupervisionLoss(DiceLoss())(heads, y), sum(single))
    weighted = DeepSupervisionLoss(DiceLoss(), weights=(0, 0, 1))
    torch.testing.assert_close(weighted(heads, y), single[2])


def test_a_head_of_no_weight_is_left_out_even_when_it_is_infinite():
    loss = DeepSupervisionLoss(nn.MSELoss(), weights=(0, 1))
    assert loss([torch.tensor([math.inf]), torch.ones(1)], torch.ones(1)).item() == 0
