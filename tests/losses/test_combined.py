"""Sums of losses, with and without the image."""

import pytest
import torch

from segscope.losses import (
    CombinedLoss,
    ContentLoss,
    DeepSupervisionLoss,
    DiceLoss,
    TverskyLoss,
    wants_image,
)

Z, Y, X = torch.randn(2, 1, 8, 8), torch.randint(0, 2, (2, 1, 8, 8)), torch.rand(2, 1, 8, 8)


def test_a_sum_of_weighted_losses():
    loss = CombinedLoss([(1.0, DiceLoss()), (0.5, TverskyLoss())])
    expected = DiceLoss()(Z, Y) + 0.5 * TverskyLoss()(Z, Y)
    assert loss(Z, Y).item() == pytest.approx(expected.item())
    assert not wants_image(loss)


def test_the_image_reaches_those_that_want_it_through_all_layers():
    content = ContentLoss(weights="random")
    loss = DeepSupervisionLoss(CombinedLoss([(2.0, content), (1.0, DiceLoss())]))
    assert wants_image(loss)
    expected = 2 * (2 * content(Z, Y, image=X) + DiceLoss()(Z, Y))
    assert loss([Z, Z], Y, image=X).item() == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="pass image="):
        loss([Z, Z], Y)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_weights_are_positive(weight):
    with pytest.raises(ValueError, match="positive"):
        CombinedLoss([(weight, DiceLoss())])
