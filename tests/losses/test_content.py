"""The content loss: written out, by hand, who gets a gradient, what is stored."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from segscope.losses.content import ContentLoss, content_loss
from segscope.losses.vgg import MEAN, STD, VGG19Features
from tests.losses.vgg_states import LAYERS, torchvision_state


def literal_phi(state, x, pools):
    found, number = [], 0
    for layer in LAYERS:
        if layer == "M":
            number += 1
            x = functional.max_pool2d(x, 2)
            if number in pools:
                found.append(x)
            if number == max(pools):
                return found
        else:
            name = f"features.{layer[0]}"
            x = torch.relu(
                functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
            )
    raise AssertionError("no such pool")


def literal_loss(state, logits, y, image, pools=(1, 2)):
    """Equation 1 for one channel of everything: divide, repeat, normalise, mask, compare."""
    x = torch.cat([(image - m) / s for m, s in zip(MEAN, STD, strict=True)], 1)
    soft = torch.where(y == 1, 0.9, 0.1)
    truth = literal_phi(state, x * soft, pools)
    found = literal_phi(state, x * torch.sigmoid(logits), pools)
    return sum(((f - t) ** 2).mean() for f, t in zip(found, truth, strict=True)) / len(pools)


def identity_state(gain=1.0):
    """The first two layers as the identity of the first channel, everything else 0."""
    state = {k: torch.zeros_like(v) for k, v in torchvision_state(1).items()}
    for n in (0, 2):
        state[f"features.{n}.weight"][0, 0, 1, 1] = gain
    return state


def case(*sides, n=2, classes=1, channels=1, seed=1, dtype=torch.float32):
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(n, classes, *sides, generator=random, dtype=dtype)
    y = torch.randint(0, max(2, classes), (n, 1, *sides), generator=random)
    return z, y, torch.rand(n, channels, *sides, generator=random, dtype=dtype)


@pytest.mark.parametrize("pools", [(1,), (2,), (1, 2), (1, 3)])
def test_it_equals_equation_1_written_out(pools):
    state = torchvision_state(max(pools))
    z, y, x = case(8, 20)
    z.requires_grad_()
    found = ContentLoss(weights=state, pools=pools)(z, y, image=x)
    expected = literal_loss(state, z, y, x, pools)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(value, z)[0] for value in (found, expected)]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-4, atol=1e-7)


def test_all_five_pools_equal_the_definition_written_out():
    state = torchvision_state(5)
    x = case(32, 64, n=1, channels=3)[2]
    phi = VGG19Features(state, (1, 2, 3, 4, 5))
    for found, expected in zip(phi(x), literal_phi(state, x, phi.pools), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_value_by_hand():
    loss = ContentLoss(weights=identity_state(), pools=(1,), normalise=False)
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    y = torch.tensor([[[[1, 0], [0, 0]]]])
    # masked by truth: 0.9 0.2 0.3 0.4, by p = 0.5: 0.5 1 1.5 2; one of 64 channels is not 0
    assert loss(torch.zeros(1, 1, 2, 2), y, x).item() == pytest.approx((2 - 0.9) ** 2 / 64)
    hard = ContentLoss(weights=identity_state(), pools=(1,), normalise=False, soft_labels=0.0)
    assert hard(torch.zeros(1, 1, 2, 2), y, x).item() == pytest.approx((2 - 1) ** 2 / 64)


def test_the_image_is_normalised_before_it_is_masked_by_hand():
    loss = ContentLoss(weights=identity_state(), pools=(1,))
    x, y = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    expected = ((0.9 - 0.5) * (1 - 0.485) / 0.229) ** 2 / 64
    assert loss(torch.zeros(1, 1, 2, 2), y, x).item() == pytest.approx(expected)


@pytest.mark.parametrize("classes", [1, 3])
def test_it_is_zero_where_the_prediction_is_the_soft_truth(classes):
    loss = ContentLoss(weights="random")
    _, y, x = case(8, 8, classes=classes)
    if classes == 1:
        z = torch.logit(0.1 + 0.8 * y.float())
    else:  # a softmax cannot be 0.1, 0.1, 0.1: hard truth, and sure
        loss = ContentLoss(weights="random", soft_labels=0.0)
        z = 100 * functional.one_hot(y[:, 0], classes).movedim(-1, 1).float()
    assert loss(z, y, x).item() == pytest.approx(0, abs=1e-10)
    assert loss(-z, y, x).item() > 1e-3


def test_the_slope_points_towards_the_truth():
    # an identity and a bright image: every pixel that wins its pooling says which way to go
    loss = ContentLoss(weights=identity_state(), pools=(1,), normalise=False)
    y = torch.zeros(1, 1, 4, 4)
    y[..., 1, 1] = 1
    for logit, way in ((-3.0, -1), (3.0, 1)):
        z = torch.full((1, 1, 4, 4), logit, requires_grad=True)
        loss(z, y, torch.ones(1, 1, 4, 4)).backward()
        assert z.grad.isfinite().all()
        if way < 0:  # all is missed: the lesion is pulled up, and nothing is pulled down
            assert z.grad[..., :2, :2].sum() < 0
        else:  # all is called: everything is pushed down
            assert z.grad.sum() > 0
            assert (z.grad >= 0).all()


def test_descending_finds_the_mask():
    loss = ContentLoss(weights="random")
    random = torch.Generator().manual_seed(2)
    y = torch.zeros(1, 1, 16, 16)
    y[..., 4:8, 6:12] = 1
    x = 0.6 + 0.4 * torch.rand(1, 1, 16, 16, generator=random)  # not the mean, where masks vanish
    z = torch.zeros(1, 1, 16, 16, requires_grad=True)
    optimizer = torch.optim.Adam([z], 0.3)
    for _ in range(60):
        optimizer.zero_grad()
        loss(z, y, x).backward()
        optimizer.step()
    assert ((z > 0) == (y == 1)).float().mean().item() > 0.97


def test_gradients_are_those_of_finite_differences():
    loss = ContentLoss(weights="random", pools=(1,)).double()
    z, y, x = case(2, 4, n=1, classes=3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda value: loss(value, y, x), (z.requires_grad_(),))


def saved_bytes(run):
    """What autograd keeps for the backward pass, each storage once."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = run()
    return sum(storages.values()), value


def test_the_branch_of_the_truth_stores_nothing():
    loss = ContentLoss(weights="random")
    z, y, x = case(32, 32)
    z.requires_grad_()
    one_branch, _ = saved_bytes(lambda: loss.phi(torch.sigmoid(z).expand(-1, 3, -1, -1) * x))
    features = sum(f.numel() for f in loss.phi(torch.zeros(2, 3, 32, 32))) * 4
    found, _ = saved_bytes(lambda: loss(z, y, x))
    # beside one branch: the features' differences, and maps of as many channels as the image
    assert found < one_branch + features + 16 * z.numel() * 4
    loss.phi.requires_grad_(True)
    both, _ = saved_bytes(lambda: loss(z, y, x))
    weights = sum(p.numel() for p in loss.phi.parameters()) * 4
    assert both - weights > 1.9 * (one_branch - weights)


def test_only_the_logits_receive_a_gradient():
    loss = ContentLoss(weights="random")
    z, y, x = case(8, 8)
    truth = y.float().requires_grad_()
    x.requires_grad_()
    z.requires_grad_()
    loss(z, truth, x).backward()
    assert z.grad.abs().sum() > 0
    assert truth.grad is None
    assert x.grad is None
    assert all(p.grad is None for p in loss.phi.parameters())
    with torch.no_grad():
        assert not loss(z, y, x).requires_grad


def test_phi_stays_frozen_and_in_evaluation_but_can_be_made_to_play_against_the_network():
    state = torchvision_state()
    loss = ContentLoss(weights=state).train()
    assert loss.training
    assert not loss.phi.training
    assert [p for p in loss.parameters() if p.requires_grad] == []
    assert sum(p.numel() for p in loss.phi.parameters()) == 260_160
    z, y, x = case(8, 8)
    loss.phi.requires_grad_(True)
    loss(z, y, x).backward()
    leaves = {name: value.clone().requires_grad_() for name, value in state.items()}
    literal_loss(leaves, z, y, x).backward()
    for name, p in loss.phi.named_parameters():  # the gradient of both branches
        torch.testing.assert_close(p.grad, leaves[name].grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_a_volume_is_the_mean_over_its_slices(axis):
    loss = ContentLoss(weights="random", slice_axis=axis)
    z, y, x = case(4, 5, 6, classes=3, channels=2)
    slices = zip(*(t.unbind(axis % 3 + 2) for t in (z, y, x)), strict=True)
    expected = torch.stack([loss(*one) for one in slices]).mean()
    torch.testing.assert_close(loss(z, y, x), expected)


def test_classes_and_channels_are_averages_over_each_for_itself():
    loss = ContentLoss(weights="random")
    z, y, x = case(8, 8, classes=3, channels=2)
    expected, p = [], z.softmax(1)
    for k in (1, 2):
        for c in (0, 1):
            own = torch.logit(p[:, k : k + 1])
            expected.append(loss(own, (y == k).long(), x[:, c : c + 1]))
    torch.testing.assert_close(loss(z, y, x), torch.stack(expected).mean())


def test_three_channels_are_red_green_and_blue():
    state = torchvision_state()
    loss = ContentLoss(weights=state, normalise=False)
    z, y, x = case(8, 8, channels=3)
    soft = 0.1 + 0.8 * y
    pairs = zip(
        literal_phi(state, x * torch.sigmoid(z), (1, 2)),
        literal_phi(state, x * soft, (1, 2)),
        strict=True,
    )
    expected = sum((f - t).square().mean() for f, t in pairs) / 2
    torch.testing.assert_close(loss(z, y, x), expected)
    grey = x[:, :1]
    repeated = ContentLoss(weights=state)(z, y, grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(repeated, ContentLoss(weights=state)(z, y, grey))


@settings(max_examples=10)
@given(st.integers(0, 9), st.sampled_from([(4, 4), (5, 9), (4, 6, 7)]), st.sampled_from([1, 2]))
def test_labels_and_their_one_hot_probabilities_give_the_same(seed, sides, classes):
    loss = ContentLoss(weights="random", slice_axis=0)
    z, y, x = case(*(max(s, 4) for s in sides), classes=classes, seed=seed)
    hot = y.float() if classes == 1 else functional.one_hot(y[:, 0]).movedim(-1, 1).float()
    torch.testing.assert_close(loss(z, y, x), loss(z, hot, x))


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("logit", [-100.0, 0.0, 100.0])
def test_an_empty_or_a_full_truth_is_finite(value, logit):
    loss = ContentLoss(weights="random")
    z = torch.full((1, 1, 8, 8), logit, requires_grad=True)
    found = loss(z, torch.full((1, 1, 8, 8), value), torch.rand(1, 1, 8, 8))
    found.backward()
    assert found.isfinite()
    assert z.grad.isfinite().all()


def test_half_precision_is_widened_whatever_autocast_says():
    loss = ContentLoss(weights="random")
    z, y, x = case(8, 8)
    z = z.bfloat16().requires_grad_()
    expected = loss(z.float(), y, x.bfloat16().float())
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(z, y, x.bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    found.backward()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"soft_labels": 0.5}, "soft_labels"),
        ({"soft_labels": -0.1}, "soft_labels"),
        ({"slice_axis": 3}, "slice_axis"),
        ({"pools": ()}, "pools"),
        ({"pools": (2, 1)}, "pools"),
        ({"pools": (6,)}, "pools"),
        ({"pools": (1, 1)}, "pools"),
    ],
)
def test_options_out_of_range_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        ContentLoss(weights="random", **options)


def test_shapes_that_do_not_fit_are_refused():
    loss = ContentLoss(weights="random")
    z, y, x = case(8, 8)
    with pytest.raises(ValueError, match="pass image="):
        loss(z, y)
    for image in (x[:1], x[..., :4], x[0], x[..., None]):
        with pytest.raises(ValueError, match="image must be"):
            loss(z, y, image)
    with pytest.raises(ValueError, match="target must be"):
        loss(z, y[:, 0], x)
    with pytest.raises(ValueError, match="images or volumes"):
        loss(z[..., 0], y[..., 0], x[..., 0])
    small = (t[..., :3] for t in (z, y, x))
    with pytest.raises(ValueError, match="sides of at least 4"):
        loss(*small)
    thin = (t[..., None] for t in (z, y, x))
    assert loss(*thin).isfinite()  # one slice, cut across the axis of length 1
    with pytest.raises(ValueError, match="sides of at least 4"):
        content_loss(*(t[..., None] for t in (z, y, x)), loss.phi, slice_axis=0)
