"""What every loss must do: push the right way in every corner, and be its own formula.

The corners: all background, all foreground, nothing predicted, everything predicted, one voxel.
"""

import math

import numpy as np
import pytest
import torch

from segscope.losses import LOSSES, ContentLoss, build_loss, wants_image
from segscope.losses.overlap import WEIGHTS, generalized_dice_loss

SIDE = 8
SURE = 3.0
TRUTHS = {
    "no object": lambda y: y,
    "all object": lambda y: y + 1,
    "one voxel": lambda y: y.index_put((torch.tensor(0), torch.tensor(0), torch.tensor(3),
                                        torch.tensor(4)), torch.tensor(1)),
    "a block": lambda y: torch.nn.functional.pad(y[..., 2:5, 2:6] + 1, (2, 2, 2, 3)),
}  # fmt: skip
PREDICTIONS = {"nothing": -SURE, "everything": SURE, "undecided": 0.0}


def made(name):
    return ContentLoss(weights="random") if name == "content" else build_loss(name)


def value_of(loss, z, y):
    if wants_image(loss):
        image = torch.rand(len(z), 1, *z.shape[2:], generator=torch.Generator().manual_seed(0))
        return loss(z, y, image=image.to(z.dtype) + 0.2)
    return loss(z, y)


def logits(prediction, classes):
    """Class 1 predicted as said; softmax networks have the background's logit beside."""
    z = torch.zeros(1, classes, SIDE, SIDE)
    z[:, classes > 1] = PREDICTIONS[prediction]
    return z.requires_grad_()


def gradient(name, prediction, truth, classes):
    z = logits(prediction, classes)
    y = TRUTHS[truth](torch.zeros(1, 1, SIDE, SIDE, dtype=torch.long))
    value = value_of(made(name), z, y)
    (found,) = torch.autograd.grad(value, z)
    own = int(classes > 1)
    return value.item(), found[:, own : own + 1], y


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "content"])
def test_probabilities_are_pushed_towards_the_truth_everywhere(name, truth, prediction, classes):
    value, found, y = gradient(name, prediction, truth, classes)
    assert math.isfinite(value)
    assert torch.isfinite(found).all()
    assert (found[y == 1] < 0).all()  # a step against the gradient raises the object's probability
    assert (found[y == 0] > 0).all()


@pytest.mark.parametrize("truth", ["no object", "all object", "a block"])
def test_the_content_loss_pushes_towards_the_truth_as_a_whole(truth):
    """Its features mix neighbouring voxels, so only the sum over a region is promised."""
    for prediction in ("everything", "nothing"):
        _, found, y = gradient("content", prediction, truth, 1)
        wrong = (y == 0) if prediction == "everything" else (y == 1)
        if wrong.any():
            towards = found[wrong].sum().item()
            assert towards > 0 if prediction == "everything" else towards < 0


@pytest.mark.parametrize("name", ["cross_entropy", "dice_ce", "generalized_dice", "hybrid"])
def test_a_slice_without_object_teaches_as_much_as_a_voxel_wise_loss(name):
    _, found, _ = gradient(name, "everything", "no object", 1)
    assert found.sum().item() > 0.03  # plain Dice and Tversky: a smoothing's worth, as they say


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_changes_no_more_than_its_own_rounding(name, dtype):
    z = torch.randn(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).to(dtype)
    y = torch.randint(0, 2, (2, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(2))
    loss = made(name)
    half, full = value_of(loss, z, y), value_of(loss, z.float(), y)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=1e-2, atol=1e-3)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def one_hot(y, classes):
    return np.stack([(y[:, 0] == k).astype(float) for k in range(classes)], 1)


def both(z, y):
    """Probabilities and truth of all classes, as numpy arrays (N, K, V)."""
    z, y = z.double().numpy().reshape(*z.shape[:2], -1), y.numpy().reshape(len(y), 1, -1)
    if z.shape[1] == 1:
        p = sigmoid(z)
        return np.concatenate([1 - p, p], 1), one_hot(y, 2)
    return softmax(z), one_hot(y, z.shape[1])


def dice(p, r, s=1.0, power=1):
    """Means over images and foreground classes, voxel sums one by one."""
    terms = []
    for image_p, image_r in zip(p, r, strict=True):
        for k in range(1, p.shape[1]):
            a, b = image_p[k], image_r[k]
            terms.append((2 * sum(a * b) + s) / (sum(a**power) + sum(b**power) + s))
    return 1 - np.mean(terms)


def batch_dice(p, r, s=1e-5):
    terms = []
    for k in range(1, p.shape[1]):
        a, b = p[:, k].ravel(), r[:, k].ravel()
        terms.append((2 * (a * b).sum() + s) / (a.sum() + b.sum() + s))
    return 1 - np.mean(terms)


def entropy(p, r):
    return -np.mean((r * np.log(p)).sum(1))


def tversky(p, r):
    terms = []
    for image_p, image_r in zip(p, r, strict=True):
        for k in range(1, p.shape[1]):
            a, b = image_p[k], image_r[k]
            tp, fp, fn = (a * b).sum(), (a * (1 - b)).sum(), ((1 - a) * b).sum()
            terms.append((tp + 1) / (tp + 0.3 * fp + 0.7 * fn + 1))
    return 1 - np.mean(terms)


def generalized(p, r):
    """Sudre's formula image by image; a class that is absent takes the largest other weight."""
    values = []
    for image_p, image_r in zip(p, r, strict=True):
        sizes = image_r.sum(1)
        known = [1 / size**2 for size in sizes if size > 0]
        w = np.array([1 / size**2 if size > 0 else max(known) for size in sizes])
        top = sum(w[k] * (image_r[k] * image_p[k]).sum() for k in range(len(w)))
        below = sum(w[k] * (image_r[k] + image_p[k]).sum() for k in range(len(w)))
        values.append(1 - 2 * top / below)
    return np.mean(values)


def focal(p, r):
    own = (p * r).sum(1)
    return np.mean(-((1 - own) ** 2) * np.log(own))


def hybrid(p, r):
    """Squared Dice, and each foreground class against the rest with its hard voxels weighted."""
    terms = []
    for k in range(1, p.shape[1]):
        a, y = p[:, k], r[:, k]
        w = (0.25 + 0.05) / ((a - 0.5) ** 2 + 0.05)
        terms.append(-w * (0.5 * y * np.log(a) + 0.5 * (1 - y) * np.log(1 - a)))
    return dice(p, r, power=2) + np.mean(terms)


FORMULAS = {
    "cross_entropy": entropy,
    "dice": dice,
    "dice_ce": lambda p, r: batch_dice(p, r) + entropy(p, r),
    "tversky": tversky,
    "generalized_dice": generalized,
    "focal": focal,
    "hybrid": hybrid,
}


def test_every_loss_has_its_formula_here():
    assert FORMULAS.keys() | {"content"} == LOSSES.keys()


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("name", FORMULAS)
def test_losses_are_their_formulas(name, classes):
    numbers = torch.Generator().manual_seed(classes)
    z = torch.randn(3, classes, 4, 5, generator=numbers, dtype=torch.float64)
    y = torch.randint(0, max(2, classes), (3, 1, 4, 5), generator=numbers)
    y[0] = 0  # an image without any object
    found = build_loss(name)(z, y).item()
    assert found == pytest.approx(FORMULAS[name](*both(z, y)), rel=1e-6)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_generalised_dice_agrees_with_monai_where_all_classes_are_there(weight):
    from monai.losses import GeneralizedDiceLoss as Monai

    z = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    y = torch.arange(36).remainder(3).reshape(1, 1, 6, 6).repeat(2, 1, 1, 1)
    y[..., :2] = 0
    theirs = Monai(softmax=True, to_onehot_y=True, w_type=weight, smooth_nr=0, smooth_dr=0)
    ours = generalized_dice_loss(z, y, weight=weight)
    assert ours.item() == pytest.approx(theirs(z, y).item(), rel=1e-6)


def test_generalised_dice_is_not_plain_dice_for_one_object():
    z = torch.zeros(1, 1, SIDE, SIDE)
    y = TRUTHS["one voxel"](torch.zeros(1, 1, SIDE, SIDE, dtype=torch.long))
    # 63 and 1 voxels at p = 0.5: weights 1/63^2 and 1
    w = 1 / 63**2
    expected = 1 - 2 * (w * 31.5 + 0.5) / (w * (63 + 32) + 1 + 32)
    assert generalized_dice_loss(z, y).item() == pytest.approx(expected, rel=1e-5)
    assert build_loss("dice")(z, y).item() != pytest.approx(expected, rel=1e-3)


def test_generalised_dice_refuses_an_unknown_weight():
    for call in (lambda: build_loss("generalized_dice", weight="cubic"),
                 lambda: generalized_dice_loss(torch.zeros(1, 1, 2), torch.zeros(1, 1, 2),
                                               weight="cubic")):  # fmt: skip
        with pytest.raises(ValueError, match="square, simple, uniform"):
            call()
