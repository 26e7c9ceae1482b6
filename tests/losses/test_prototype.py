"""The online loss against a literal form, and in a real training."""

import pytest
import torch
from torch.nn import functional

from segscope.losses import PrototypeLoss, soft_dice


def literal(features, logits, target):
    guide = torch.sigmoid(logits)
    terms = []
    for f in features:
        full = functional.interpolate(f, guide.shape[2:], mode="bilinear", align_corners=False)

        def distance(w, full=full):
            centre = (w * full).sum((2, 3), True) / w.sum((2, 3), True)
            return (full - centre).pow(2).sum(1, keepdim=True)

        p = torch.cat([-distance(1 - guide), -distance(guide)], 1).softmax(1)[:, 1:]
        overlap = (p * target).sum((2, 3))
        terms.append(1 - (2 * overlap / (p.sum((2, 3)) + target.sum((2, 3)))).mean())
    return torch.stack(terms).mean()


def draw():
    torch.manual_seed(0)
    shapes = ((2, 3, 4, 4), (2, 5, 8, 8))
    features = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    logits = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    return features, logits, torch.randint(0, 2, (2, 1, 8, 8))


def test_loss_and_gradients_equal_the_literal_form():
    features, logits, target = draw()
    ours = PrototypeLoss()(logits, target, features=features)
    theirs = literal(features, logits, target.double())
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for a, b in zip(
        torch.autograd.grad(ours, [*features, logits]),
        torch.autograd.grad(theirs, [*features, logits]),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_a_detached_guide_gets_no_gradient():
    features, logits, target = draw()
    loss = PrototypeLoss(detach_guide=True)(logits, target, features=features)
    assert torch.autograd.grad(loss, logits, allow_unused=True, retain_graph=True)[0] is None
    assert torch.autograd.grad(loss, features[0])[0].abs().sum() > 0


def test_several_classes_and_one_hot_targets():
    torch.manual_seed(1)
    logits, features = torch.randn(1, 3, 6, 6), [torch.randn(1, 4, 3, 3)]
    labels = torch.randint(0, 3, (1, 1, 6, 6))
    hot = functional.one_hot(labels[:, 0], 3).movedim(-1, 1).float()
    a = PrototypeLoss()(logits, labels, features=features)
    assert a.item() == pytest.approx(PrototypeLoss()(logits, hot, features=features).item())


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_saturated_outputs_and_empty_targets_stay_finite(p):
    logits = torch.full((1, 1, 4, 4), 80.0 if p else -80.0, requires_grad=True)
    f = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = PrototypeLoss()(logits, torch.zeros(1, 1, 4, 4, dtype=torch.long), features=[f])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(f.grad).all()
    assert torch.isfinite(logits.grad).all()


def test_descending_it_makes_a_layer_segment():
    target = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    target[..., :4] = 1
    torch.manual_seed(0)
    f = torch.randn(1, 3, 8, 8, requires_grad=True)
    logits = 4.0 * (2 * target - 1)
    loss, optimizer = PrototypeLoss(), torch.optim.Adam([f], 0.1)
    first = loss(logits, target, features=[f]).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss(logits, target, features=[f]).backward()
        optimizer.step()
    assert loss(logits, target, features=[f]).item() < 0.2 < first


def test_no_features_is_an_error():
    with pytest.raises(ValueError, match="at least one layer"):
        PrototypeLoss()(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).long(), features=[])


def test_soft_dice_of_equal_masks_and_of_nothing():
    t = torch.tensor([[[1.0, 0.0, 1.0]]])
    assert soft_dice(t, t).item() == pytest.approx(1)
    assert soft_dice(0 * t, 0 * t).item() == pytest.approx(1)
    assert soft_dice(1 - t, t).item() == pytest.approx(0, abs=1e-4)
