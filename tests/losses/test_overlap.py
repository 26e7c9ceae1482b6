"""Dice and Tversky losses."""

import pytest
import torch

from segscope.losses import (
    DiceCELoss,
    TverskyLoss,
    dice_loss,
)


def labels(*shape, classes=3):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(1))


def test_dice_by_hand():
    # p = 0.5 everywhere, two of four positive: 1 - (2 * 1 + 1) / (2 + 2 + 1)
    target = torch.tensor([[[0, 1, 1, 0]]])
    assert dice_loss(torch.zeros(1, 1, 4), target).item() == pytest.approx(1 - 3 / 5)
    # squared denominators: sum p^2 = 1
    assert dice_loss(torch.zeros(1, 1, 4), target, squared=True).item() == pytest.approx(1 - 3 / 4)


def test_dice_over_the_batch_counts_all_images_together():
    z = torch.full((2, 1, 2), 100.0)
    target = torch.tensor([[[1, 1]], [[0, 0]]])
    per_image = (0 + (1 - 1 / 3)) / 2
    assert dice_loss(z, target).item() == pytest.approx(per_image)
    assert dice_loss(z, target, per_image=False).item() == pytest.approx(1 - 5 / 7)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_dice_and_cross_entropy_agree_with_monai(dims):
    from monai.losses import DiceCELoss as Monai

    z = torch.randn(2, 3, *[5] * dims)
    y = labels(2, 1, *[5] * dims)
    theirs = Monai(
        softmax=True, to_onehot_y=True, include_background=False, batch=True,
        smooth_nr=1e-5, smooth_dr=1e-5, reduction="mean",
    )  # fmt: skip
    torch.testing.assert_close(DiceCELoss()(z, y), theirs(z, y))


def test_tversky_by_hand():
    # tp 1, fp 1, fn 1 with weights 0.3 and 0.7 and s = 1: index (1 + 1) / (1 + 0.3 + 0.7 + 1)
    z = torch.tensor([[[100.0, 100.0, -100.0, -100.0]]])
    target = torch.tensor([[[1, 0, 1, 0]]])
    assert TverskyLoss()(z, target).item() == pytest.approx(1 - 2 / 3)
