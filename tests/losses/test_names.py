"""Losses by name: each takes labels and probabilities, faults are named."""

import pytest
import torch
from torch import nn

from segscope.losses import (
    LOSSES,
    DeepSupervisionLoss,
    DiceLoss,
    HybridLoss,
    build_loss,
    dice_loss,
)

# the content loss looks at the image too and has tests of its own
PLAIN = [name for name in LOSSES if name != "content"]


def labels(*shape, classes=3):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", PLAIN)
def test_every_loss_takes_labels_and_probabilities_alike(name):
    z, y = torch.randn(2, 3, 4, 4), labels(2, 1, 4, 4)
    one_hot = nn.functional.one_hot(y[:, 0], 3).movedim(-1, 1).float()
    loss = build_loss(name)
    torch.testing.assert_close(loss(z, y), loss(z, one_hot))


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"0\.\.1, got 0\.\.2"):
        dice_loss(torch.zeros(1, 2, 3), torch.tensor([[[0, 1, 2]]]))
    with pytest.raises(ValueError, match="target must be labels"):
        dice_loss(torch.zeros(1, 2, 3), torch.zeros(1, 1, 4))
    with pytest.raises(ValueError, match="did you mean 'dice'"):
        build_loss("dise")
    with pytest.raises(ValueError, match="variant"):
        HybridLoss(variant="fast")
    with pytest.raises(ValueError, match="3 heads"):
        DeepSupervisionLoss(DiceLoss(), weights=(1, 1))([torch.zeros(1, 1, 1)] * 3, torch.ones(1))
