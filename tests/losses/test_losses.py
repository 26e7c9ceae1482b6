"""Losses: hand-worked values, MONAI's answers, the hybrid loss's closed form, the edges."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segscope.losses import (
    build_loss,
    dice_loss,
    hybrid_loss,
)

VARIANTS = ("stable", "paper", "dice_bce")


def logit(p):
    return math.log(p / (1 - p))


def labels(*shape, classes=3):
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(1))


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


@given(st.floats(0, 1), st.floats(0, 1))
def test_sharper_agreement_never_costs_more(a, b):
    low, high = sorted([a, b])
    y = torch.tensor([[[0, 1, 1, 0]]])
    sign = 2.0 * y - 1
    for name in ("cross_entropy", "dice", "dice_ce", "hybrid"):
        loss = build_loss(name)
        assert loss(8 * high * sign, y) <= loss(8 * low * sign, y) + 1e-6
