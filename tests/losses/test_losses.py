"""Losses: hand-worked values, MONAI's answers, the hybrid loss's closed form, the edges."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from segscope.losses import (
    LOSSES,
    CrossEntropyLoss,
    DeepSupervisionLoss,
    DiceCELoss,
    DiceLoss,
    FocalLoss,
    HybridLoss,
    TverskyLoss,
    build_loss,
    dice_loss,
    hybrid_loss,
)
from segscope.losses.pixel import one_vs_rest_logits

# the content loss looks at the image too and has tests of its own
PLAIN = [name for name in LOSSES if name != "content"]
VARIANTS = ("stable", "paper", "dice_bce")


def logit(p):
    return math.log(p / (1 - p))


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


def closed_form_gradient(p, y, gamma=2.0, eps=0.05):
    """Gradient of the stable voxel term in p: -w / p for y = 1, w / (1 - p) for y = 0."""
    w = (0.5**gamma + eps) / (abs(p - 0.5) ** gamma + eps)
    return -w / p if y else w / (1 - p)


def antiderivative(t, eps=0.05):
    root = math.sqrt(eps)
    return (
        math.log(t)
        - 0.5 * math.log((t - 0.5) ** 2 + eps)
        + math.atan((t - 0.5) / root) / (2 * root)
    )


@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.7, 0.98])
def test_the_stable_gradient_is_that_of_the_closed_form(p, y):
    """The weight is detached, so the loss's gradient is that of the integral F(1) - F(q)."""
    z = torch.tensor([[[logit(p)]]], dtype=torch.float64, requires_grad=True)
    target = torch.full((1, 1, 1), float(y), dtype=torch.float64)
    voxel = hybrid_loss(z, target, alpha=0.5) - dice_loss(z, target, squared=True)
    (found,) = torch.autograd.grad(voxel, z)
    q = p if y else 1 - p
    step = 1e-6
    # d/dq (F(1) - F(q)), constants (0.5^2 + eps) from the weight, 0.5 from alpha,
    # (0.5^2 + eps) / (t ((t - 0.5)^2 + eps)) integrates to F up to the factor checked here
    slope = -(antiderivative(q + step) - antiderivative(q - step)) / (2 * step)
    expected = 0.5 * slope * (1 if y else -1) * p * (1 - p)
    assert found.item() == pytest.approx(expected, rel=1e-3)
    assert found.item() == pytest.approx(0.5 * closed_form_gradient(p, y) * p * (1 - p), rel=1e-3)


@pytest.mark.parametrize("variant", ["stable", "dice_bce"])
@pytest.mark.parametrize("z", [-100.0, -3.0, 0.0, 3.0, 100.0])
@pytest.mark.parametrize("y", [0, 1])
def test_gradients_are_finite_and_never_point_away_from_the_truth(variant, z, y):
    logits = torch.tensor([[[z]]], requires_grad=True)
    hybrid_loss(logits, torch.full((1, 1, 1), y), variant=variant).backward()
    gradient = logits.grad.item()
    assert math.isfinite(gradient)
    assert gradient <= 0 if y else gradient >= 0


@pytest.mark.parametrize("z", [-100.0, 0.0, 100.0])
def test_the_printed_formula_is_finite(z):
    logits = torch.tensor([[[z]]], requires_grad=True)
    loss = hybrid_loss(logits, torch.ones(1, 1, 1), variant="paper")
    loss.backward()
    assert math.isfinite(loss.item())
    assert math.isfinite(logits.grad.item())


@pytest.mark.parametrize(("p", "away"), [(0.05, False), (0.3, True), (0.45, True), (0.7, False)])
def test_the_printed_formula_pushes_uncertain_foreground_away(p, away):
    logits = torch.tensor([[[logit(p)]]], requires_grad=True)
    target = torch.ones(1, 1, 1)
    loss = hybrid_loss(logits, target, variant="paper") - dice_loss(logits, target, squared=True)
    loss.backward()
    assert (logits.grad.item() > 0) == away


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_logits_stay_finite(variant, kind):
    logits = torch.tensor([[[-100.0, 100.0, 0.0]]]).to(kind).requires_grad_()
    loss = hybrid_loss(logits, torch.tensor([[[1, 0, 1]]]), variant=variant)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("variant", ["stable", "paper", "dice_bce"])
def test_gradients_agree_with_finite_differences(variant):
    # weights of the stable variant are detached on purpose, so gamma = 0 (a constant weight)
    gamma = 0.0 if variant == "stable" else 2.0
    z = torch.randn(1, 3, 4, dtype=torch.float64).mul(0.7).requires_grad_()
    y = labels(1, 1, 4)

    def loss(value):
        return hybrid_loss_double(value, y, variant, gamma)

    assert torch.autograd.gradcheck(loss, (z,), eps=1e-3, atol=2e-3, rtol=1e-2)


def hybrid_loss_double(z, y, variant, gamma):
    return hybrid_loss(z, y, variant=variant, gamma=gamma).double()


def test_two_softmax_channels_equal_one_sigmoid_channel():
    z, y = torch.randn(2, 1, 7), labels(2, 1, 7, classes=2)
    two = torch.cat([torch.zeros_like(z), z], 1)
    for name in ("cross_entropy", "dice", "dice_ce", "tversky", "hybrid"):
        torch.testing.assert_close(build_loss(name)(z, y), build_loss(name)(two, y))


def test_one_vs_rest_logits_are_those_of_the_softmax():
    z = torch.randn(2, 4, 5, dtype=torch.float64)
    p = z.softmax(1)[:, 1:]
    torch.testing.assert_close(one_vs_rest_logits(z), torch.log(p / (1 - p)))


@given(st.floats(0, 1), st.floats(0, 1))
def test_sharper_agreement_never_costs_more(a, b):
    low, high = sorted([a, b])
    y = torch.tensor([[[0, 1, 1, 0]]])
    sign = 2.0 * y - 1
    for name in ("cross_entropy", "dice", "dice_ce", "hybrid"):
        loss = build_loss(name)
        assert loss(8 * high * sign, y) <= loss(8 * low * sign, y) + 1e-6


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
