"""Soft labels."""

import math

import pytest
import torch

from segscope.losses import SoftLabels, build_loss

SIDE = 8


SURE = 3.0


PREDICTIONS = {"nothing": -SURE, "everything": SURE, "undecided": 0.0}


def logits(prediction, classes):
    """Class 1 predicted as said; softmax networks have the background's logit beside."""
    z = torch.zeros(1, classes, SIDE, SIDE)
    z[:, classes > 1] = PREDICTIONS[prediction]
    return z.requires_grad_()


def test_soft_labels_by_hand():
    y = torch.tensor([[[0, 1, 2]]])
    seen = []

    class Looks(torch.nn.Module):
        def forward(self, logits, target):
            seen.append(target)
            return logits.sum()

    SoftLabels(Looks(), 0.1)(torch.zeros(1, 3, 3), y)
    # 0.9 for the class that it is, 0.05 for each of the two others
    torch.testing.assert_close(seen[0][0], torch.full((3, 3), 0.05) + 0.85 * torch.eye(3))
    SoftLabels(Looks(), 0.1)(torch.zeros(1, 1, 2), torch.tensor([[[0, 1]]]))
    torch.testing.assert_close(seen[1][0, 0], torch.tensor([0.1, 0.9]))


def test_soft_labels_of_nothing_change_nothing():
    z, y = torch.randn(1, 2, 4), torch.tensor([[[0, 1, 1, 0]]])
    loss = build_loss("dice_ce")
    assert SoftLabels(loss, 0.0)(z, y).item() == pytest.approx(loss(z, y).item(), rel=1e-6)
    for wrong in (-0.1, 0.5, math.nan):
        with pytest.raises(ValueError, match=r"\[0, 0\.5\)"):
            SoftLabels(loss, wrong)
