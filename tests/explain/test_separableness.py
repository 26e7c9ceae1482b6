"""How far intensities tell the object from the rest."""

import pytest
import torch

from segscope.explain import (
    separableness,
    uniform_noise,
)


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
