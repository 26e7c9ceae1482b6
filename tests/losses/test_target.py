"""What a target may be, extreme logits under autocast, and laws that all losses keep."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segscope.losses import (
    LOSSES,
    CombinedLoss,
    DeepSupervisionLoss,
    DiceCELoss,
    DiceLoss,
    PrototypeLoss,
    build_loss,
    cross_entropy,
    dice_ce_loss,
    dice_loss,
)
from segscope.losses.target import as_target

# the content loss looks at the image too and has tests of its own
PLAIN = [name for name in LOSSES if name != "content"]


def sample(channels, *sides, seed=0):
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(2, channels, *sides, generator=random)
    return z, torch.randint(0, max(2, channels), (2, 1, *sides), generator=random)


def test_labels_become_one_hot_and_a_single_channel_stays_one():
    y = torch.tensor([[[0, 1, 1]]])
    assert as_target(torch.zeros(1, 3, 3), y).tolist() == [[[1, 0, 0], [0, 1, 1], [0, 0, 0]]]
    assert as_target(torch.zeros(1, 1, 3), y).tolist() == [[[0, 1, 1]]]
    assert as_target(torch.zeros(1, 3, 3), y.float())[0, 1].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("channels", "target", "message"),
    [
        (2, torch.tensor([[[0, 1, 2]]]), r"labels must lie in 0\.\.1, got 0\.\.2"),
        (1, torch.tensor([[[0, 1, 2]]]), r"labels must lie in 0\.\.1, got 0\.\.2"),
        (3, torch.tensor([[[0, 1, -1]]]), r"labels must lie in 0\.\.2, got -1\.\.1"),
        (2, torch.tensor([[[0.0, 0.5, 1.0]]]), "whole numbers"),
        (1, torch.tensor([[[0.0, 2.0, 1.0]]]), r"probabilities must lie in 0\.\.1"),
        (1, torch.tensor([[[0.0, float("nan"), 1.0]]]), r"probabilities must lie in 0\.\.1"),
        (2, torch.zeros(1, 3), "target must be labels"),
        (2, torch.zeros(1, 2, 3, dtype=torch.long), "target must be labels"),
        (3, torch.zeros(1, 2, 3), "target must be labels"),
    ],
)
def test_what_is_no_target_is_refused(channels, target, message):
    for name in PLAIN:
        with pytest.raises(ValueError, match=message):
            build_loss(name)(torch.zeros(1, channels, 3), target)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("empty", [True, False])
def test_extreme_logits_are_finite_under_autocast(name, kind, channels, empty):
    z = torch.tensor([-100.0, 100.0, 0.0, 100.0, -100.0, 1e-3]).expand(2, channels, 6)
    z = z * torch.tensor([1.0, -1.0, 0.5])[:channels, None]
    leaf = z.to(kind).requires_grad_()
    y = torch.zeros(2, 1, 6, dtype=torch.long) if empty else sample(channels, 6)[1]
    with torch.autocast("cpu", kind):
        loss = build_loss(name)(leaf, y)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("name", PLAIN)
def test_one_sigmoid_channel_is_two_softmax_channels(name):
    z, y = sample(1, 4, 3)
    two = torch.cat([torch.full_like(z, 0.7), z + 0.7], 1)
    torch.testing.assert_close(build_loss(name)(z, y), build_loss(name)(two, y))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dims", [1, 2, 3])
@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_loss_does_not_mind_mirrors_nor_the_order_of_foreground_classes(name, dims, seed):
    z, y = sample(3, *(4, 3, 2)[:dims], seed=seed)
    loss = build_loss(name)
    expected = loss(z, y)
    torch.testing.assert_close(loss(z.flip(2), y.flip(2)), expected)
    swapped = torch.tensor([0, 2, 1])
    torch.testing.assert_close(loss(z[:, swapped], swapped[y]), expected)


@pytest.mark.parametrize("name", [n for n in PLAIN if n not in ("hybrid", "focal")])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_are_those_of_finite_differences(name, channels):
    z, y = sample(channels, 4)
    assert torch.autograd.gradcheck(lambda v: build_loss(name)(v, y), z.double().requires_grad_())


def test_the_focal_gradient_is_that_of_its_formula():
    z, y = sample(3, 4)
    (found,) = torch.autograd.grad(build_loss("focal")(a := z.requires_grad_(), y), a)
    log_p = (b := z.detach().double().requires_grad_()).log_softmax(1).gather(1, y)
    (expected,) = torch.autograd.grad((-((1 - log_p.exp()) ** 2) * log_p).mean(), b)
    torch.testing.assert_close(found, expected.float())


def test_dice_and_cross_entropy_in_one_pass_are_the_sum_of_both():
    for channels in (1, 3):
        z, y = sample(channels, 5, 4)
        apart = 0.3 * dice_loss(z, y, per_image=False, smooth=1e-5) + 2 * cross_entropy(z, y)
        torch.testing.assert_close(dice_ce_loss(z, y, dice_weight=0.3, ce_weight=2.0), apart)


def test_its_gradient_is_that_of_monai():
    from monai.losses import DiceCELoss as Monai

    theirs = Monai(softmax=True, to_onehot_y=True, include_background=False, batch=True)
    z, y = sample(3, 6, 5, 4)
    (found,) = torch.autograd.grad(DiceCELoss()(a := z.clone().requires_grad_(), y), a)
    (expected,) = torch.autograd.grad(theirs(b := z.clone().requires_grad_(), y), b)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)


def test_normalised_heads_weigh_as_much_as_one():
    z, y = sample(2, 4)
    one = DiceLoss()(z, y)
    loss = DeepSupervisionLoss(DiceLoss(), weights=(1, 2, 5), normalise=True)
    torch.testing.assert_close(loss([z, z, z], y), one)
    torch.testing.assert_close(DeepSupervisionLoss(DiceLoss(), normalise=True)([z, z], y), one)


def test_a_batch_is_not_taken_for_a_list_of_heads():
    z, y = sample(2, 4)
    with pytest.raises(ValueError, match=r"net\.heads"):
        DeepSupervisionLoss(DiceLoss())(z, y)
    with pytest.raises(ValueError, match="at least 0 and not all 0"):
        DeepSupervisionLoss(nn.MSELoss(), weights=(0, 0))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int16, torch.int64])
@pytest.mark.parametrize("channels", [2, 3])
def test_one_hot_targets_of_any_type_are_the_labels_that_they_stand_for(name, kind, channels):
    z, y = sample(channels, 4, 3)
    one_hot = torch.stack([y[:, 0] == k for k in range(channels)], 1).to(kind)
    torch.testing.assert_close(build_loss(name)(z, one_hot), build_loss(name)(z, y))
    mask = sample(1, 4, 3)[1].to(kind)
    torch.testing.assert_close(
        build_loss(name)(z[:, :1], mask), build_loss(name)(z[:, :1], mask.long())
    )


@pytest.mark.parametrize(
    "values",
    [[[1, 1], [1, 0]], [[0, 1], [0, 0]], [[2, 0], [-1, 1]], [[3, 0], [0, 3]]],
    ids=["two classes in a voxel", "none in a voxel", "not 0 and 1", "threes"],
)
def test_whole_numbers_that_are_not_one_hot_are_refused(values):
    target = torch.tensor([values])
    for name in PLAIN:
        with pytest.raises(ValueError, match="one-hot"):
            build_loss(name)(torch.zeros(1, 2, 2), target)


@pytest.mark.parametrize("shape", [(0, 2, 4, 4), (2, 2, 0, 4), (0, 1, 4, 4)],
                         ids=["no image", "no voxel", "no mask"])  # fmt: skip
def test_an_empty_batch_is_refused_by_every_loss(shape):
    labels = torch.zeros(shape[0], 1, *shape[2:], dtype=torch.long)
    probabilities = torch.zeros(shape)
    for target in (labels, probabilities):
        for name in PLAIN:
            with pytest.raises(ValueError, match="hold no voxel"):
                build_loss(name)(torch.zeros(shape), target)
        with pytest.raises(ValueError, match="hold no voxel"):
            PrototypeLoss()(torch.zeros(shape), target, features=[torch.zeros(shape)])
        with pytest.raises(ValueError, match=r"takes images|sides of at least|no voxel"):
            build_loss("content", weights="random")(
                torch.zeros(shape), target, image=torch.zeros(shape)
            )


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
def test_weights_that_are_no_numbers_are_refused(weight):
    with pytest.raises(ValueError, match="weights must be"):
        DeepSupervisionLoss(nn.MSELoss(), weights=(1, weight))
    with pytest.raises(ValueError, match="weights must be"):
        CombinedLoss([(1.0, nn.MSELoss()), (weight, nn.MSELoss())])
