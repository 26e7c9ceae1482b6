"""Figures of quality: by hand, at their extremes, and worst for predictions of nothing."""

import math

import pytest
import torch
from torch import nn

from segscope.explain import (
    foreground_negative_entropy,
    max_probability,
    normalised,
    pairwise_dice,
    separableness,
    uniform_noise,
    variance_of_gradients,
)


def test_max_probability_by_hand():
    assert max_probability(torch.tensor([[0.9, 0.2]])) == pytest.approx(0.85)
    assert max_probability(torch.tensor([[0.2, 0.6], [0.5, 0.3], [0.3, 0.1]])) == pytest.approx(
        0.55
    )


def test_foreground_negative_entropy_by_hand():
    p = 0.9
    entropy = -(p * math.log(p) + 0.1 * math.log(0.1)) / math.log(2)
    # the uncertain background (0.45) takes no part
    assert foreground_negative_entropy(torch.tensor([[p, 0.45]])) == pytest.approx(
        1 - entropy, abs=1e-6
    )
    three = torch.tensor([[0.1, 0.9], [0.6, 0.05], [0.3, 0.05]])
    entropy = -sum(q * math.log(q) for q in (0.1, 0.6, 0.3)) / math.log(3)
    assert foreground_negative_entropy(three) == pytest.approx(1 - entropy, abs=1e-6)


def test_a_prediction_of_nothing_has_the_lowest_values():
    assert foreground_negative_entropy(torch.zeros(1, 4)) == 0.0
    nothing = [torch.zeros(4), torch.zeros(4)]
    assert pairwise_dice(nothing, 2) == 0.0


def test_pairwise_dice_by_hand():
    a, b, c = (torch.tensor(v) for v in ([1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 2, 2]))
    # class 1: ab 2/3, ac 0, bc 0; class 2: ac 0, bc 0 (ab has none)
    assert pairwise_dice([a, b, c], 2) == pytest.approx((2 / 3) / 5)
    assert pairwise_dice([a, a], 1) == 1.0
    with pytest.raises(ValueError, match="two predictions"):
        pairwise_dice([a], 1)


def linear(weight):
    net = nn.Conv2d(1, 2, 1)
    nn.init.zeros_(net.weight)
    net.weight.data[1] = weight
    net.weight.data[0] = -weight
    return net


def test_variance_of_gradients_by_hand():
    # the foreground's logit less the background's has the gradient 2 w at every pixel
    networks = [linear(w) for w in (1.0, 2.0, 6.0)]
    expected = 2 * math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3)
    found = variance_of_gradients(networks, torch.randn(2, 1, 3, 3))
    assert found == pytest.approx(expected)
    assert variance_of_gradients([networks[0]] * 2, torch.zeros(1, 1, 2, 2)) == 0.0
    with pytest.raises(ValueError, match="two checkpoints"):
        variance_of_gradients(networks[:1], torch.zeros(1, 1, 2, 2))


def test_gradients_are_had_in_inference_mode_too():
    networks = [linear(1.0), linear(2.0)]
    with torch.inference_mode():
        assert variance_of_gradients(networks, torch.ones(1, 1, 2, 2)) > 0


def test_normalised_values_have_mean_zero_and_spread_one():
    found = torch.tensor(normalised([1.0, 5.0, 6.0]))
    assert found.mean().item() == pytest.approx(0, abs=1e-7)
    assert found.std(correction=0).item() == pytest.approx(1)
    assert normalised([2.0, 2.0]) == [0.0, 0.0]


def test_intensities_that_tell_all_leave_no_distance():
    truth = torch.zeros(1, 1, 6, 6, dtype=torch.long)
    truth[..., :3] = 1
    dice, own, distance = separableness(truth.float(), truth.float(), truth)
    assert (dice.item(), own.item(), distance.item()) == (1.0, 1.0, 0.0)
    torch.manual_seed(0)
    _, own, distance = separableness(torch.rand(1, 1, 6, 6), truth.float(), truth)
    assert own.item() < 0.8
    assert distance.item() == pytest.approx(1 - own.item())


@pytest.mark.parametrize("maximum", [0.1, 1.0])
def test_noise_is_uniform_up_to_its_maximum_and_the_same_again(maximum):
    image = torch.zeros(2, 200, 200)
    image[0, 0, 0], image[1, 0, 0] = 2.0, 10.0
    found = uniform_noise(image, maximum, seed=3) - image
    assert torch.equal(found, uniform_noise(image, maximum, seed=3) - image)
    assert not torch.equal(found, uniform_noise(image, maximum, seed=4) - image)
    for channel, wide in zip(found, (2.0, 10.0), strict=True):
        assert channel.min() >= 0
        assert channel.max().item() == pytest.approx(maximum * wide, rel=0.01)
        assert channel.mean().item() == pytest.approx(maximum * wide / 2, rel=0.02)
