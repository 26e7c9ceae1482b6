"""Losses of single voxels."""

import math

import pytest
import torch

from segscope.losses import (
    CrossEntropyLoss,
    FocalLoss,
)
from segscope.losses.pixel import one_vs_rest_logits


def logit(p):
    return math.log(p / (1 - p))


def labels(*shape, classes=3):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(1))


def test_focal_without_focus_is_cross_entropy():
    z, y = torch.randn(2, 3, 6), labels(2, 1, 6)
    torch.testing.assert_close(FocalLoss(gamma=0.0)(z, y), CrossEntropyLoss()(z, y))
    one = labels(2, 1, 6, classes=2)
    torch.testing.assert_close(
        FocalLoss(gamma=0.0)(z[:, :1], one), CrossEntropyLoss()(z[:, :1], one)
    )


def test_focal_by_hand():
    # p = 0.9 for the truth: (0.1)^2 * -log 0.9
    z = torch.tensor([[[logit(0.9)]]])
    expected = 0.1**2 * -math.log(0.9)
    assert FocalLoss()(z, torch.ones(1, 1, 1)).item() == pytest.approx(expected, rel=1e-4)


def test_one_vs_rest_logits_are_those_of_the_softmax():
    z = torch.randn(2, 4, 5, dtype=torch.float64)
    p = z.softmax(1)[:, 1:]
    torch.testing.assert_close(one_vs_rest_logits(z), torch.log(p / (1 - p)))
