"""The hybrid loss: its closed form, where the printed formula points, exact gradients, options."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segscope.losses import HybridLoss, balanced_alpha, dice_loss, hybrid_loss

VARIANTS = ("stable", "paper", "dice_bce")


def voxel_slope(p, y, **options):
    """Slope in p of the voxel term alone, for one voxel of probability p, in double precision."""
    p = torch.tensor([[[p]]], dtype=torch.float64, requires_grad=True)
    target = torch.full((1, 1, 1), float(y), dtype=torch.float64)
    z = torch.logit(p)
    term = hybrid_loss(z, target, **options) - dice_loss(z, target, squared=True)
    return torch.autograd.grad(term, p)[0].item()


def closed_form(t, eps):
    """F of which the stable voxel term (gamma = 2, alpha aside) is F(1) - F(q)."""
    root = math.sqrt(eps)
    return t.log() - 0.5 * ((t - 0.5) ** 2 + eps).log() + torch.atan((t - 0.5) / root) / (2 * root)


@given(
    st.floats(0.001, 0.999), st.sampled_from([0, 1]), st.floats(0, 1), st.sampled_from([0.05, 0.2])
)
def test_the_stable_slope_is_exactly_that_of_the_closed_form(p, y, alpha, eps):
    q = torch.tensor(p if y else 1 - p, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(-closed_form(q, eps), q)
    expected = slope.item() * (alpha if y else -(1 - alpha))
    assert voxel_slope(p, y, alpha=alpha, epsilon=eps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("epsilon", "start", "end"), [(1e-9, 0.084, 0.5), (None, 0.090, 0.485), (0.15, None, None)]
)
def test_the_printed_formula_points_away_from_the_truth_in_one_interval(epsilon, start, end):
    grid = [k / 1000 for k in range(1, 1000) if k != 500]
    away = [p for p in grid if voxel_slope(p, 1, variant="paper", epsilon=epsilon) > 0]
    if start is None:
        assert away == []
    else:
        assert away[0] == pytest.approx(start, abs=0.0015)
        assert away[-1] == pytest.approx(end, abs=0.0015)
        assert len(away) == round((away[-1] - away[0]) * 1000) + 1  # no gap


def test_a_foreground_voxel_descends_by_the_printed_formula_and_rises_by_the_stable_one():
    ends = {}
    for variant in ("paper", "stable"):
        z = torch.tensor([[[math.log(0.3 / 0.7)]]], dtype=torch.float64, requires_grad=True)
        y = torch.ones(1, 1, 1, dtype=torch.float64)
        for _ in range(400):
            term = hybrid_loss(z, y, variant=variant) - dice_loss(z, y, squared=True)
            (slope,) = torch.autograd.grad(term, z)
            z = (z - 0.1 * slope).detach().requires_grad_()
        ends[variant] = torch.sigmoid(z).item()
    assert ends["paper"] == pytest.approx(0.09, abs=0.005)
    assert ends["stable"] > 0.95


def test_the_printed_formula_ignores_background():
    assert voxel_slope(0.3, 0, variant="paper") == 0


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_those_of_finite_differences(variant, channels):
    # the stable weight is detached on purpose: with gamma = 0 it is constant
    gamma = 0.0 if variant == "stable" else 2.0
    random = torch.Generator().manual_seed(3)
    z = torch.randn(2, channels, 5, generator=random, dtype=torch.float64, requires_grad=True)
    y = torch.randint(0, max(2, channels), (2, 1, 5), generator=random)
    assert torch.autograd.gradcheck(
        lambda value: hybrid_loss(value, y, variant=variant, gamma=gamma, alpha=0.3), (z,)
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_are_finite_where_the_network_is_certain_or_undecided(variant, p, y, channels):
    z = torch.zeros(1, channels, 1)
    z[:, -1] = {0.0: -100.0, 0.5: math.log(max(1, channels - 1)), 1.0: 100.0}[p]
    z.requires_grad_()
    target = torch.full((1, 1, 1), y * max(1, channels - 1))
    hybrid_loss(z, target, variant=variant).backward()
    assert torch.isfinite(z.grad).all()
    slope = z.grad[0, -1, 0].item()
    if variant != "paper" and channels == 1:  # else a rise of one class is a fall of others
        assert slope <= 0 if y else slope >= 0
    if variant == "stable" and p == 0.5:
        assert abs(slope) > 0.1


def test_the_multi_class_voxel_term_is_the_mean_over_classes_against_the_rest():
    random = torch.Generator().manual_seed(5)
    z = torch.randn(1, 3, 6, generator=random, dtype=torch.float64)
    y = torch.tensor([[[0, 1, 2, 1, 0, 2]]])
    p = z.softmax(1)
    expected = 0.0
    for k in (1, 2):
        truth = (y[:, 0] == k).double()
        weight = (0.25 + 0.05) / ((p[:, k] - 0.5) ** 2 + 0.05)
        entropy = -(0.3 * truth * p[:, k].log() + 0.7 * (1 - truth) * (1 - p[:, k]).log())
        expected += (weight * entropy).mean().item() / 2
    found = hybrid_loss(z, y, alpha=0.3) - dice_loss(z, y, squared=True)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_balanced_alpha_gives_both_classes_the_same_pull():
    voxels = {0: 900, 1: 60, 2: 40}
    alpha = balanced_alpha(voxels)
    assert alpha * 100 == pytest.approx((1 - alpha) * 900)
    with pytest.raises(ValueError, match="no voxel"):
        balanced_alpha({})


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 1.5},
        {"gamma": -1.0},
        {"gamma": math.nan},
        {"variant": "paper", "gamma": 0.5},
        {"epsilon": 0.0},
    ],
)
def test_options_out_of_range_are_refused_when_the_loss_is_built(options):
    with pytest.raises(ValueError, match=r"must be|must lie"):
        HybridLoss(**options)
