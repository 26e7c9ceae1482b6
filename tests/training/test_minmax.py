"""Adversarial features climb the loss by Adam's own first step, and are frozen between."""

import pytest
import torch
from torch import nn

from segscope.training.minmax import AdversarialFeatures


class Linear(nn.Module):
    """One weight that multiplies what is given; as a loss it is their sum."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.phi.weight, 2.0)
        self.phi.requires_grad_(False)

    def forward(self, heads, labels, *, image):
        return self.phi(heads[0]).sum() - labels.sum() + 0 * image.sum()


class Failing(Linear):
    def forward(self, heads, labels, *, image):
        raise ZeroDivisionError


ONE = torch.ones(1, 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_loss_grows_by_one_step_of_adam(sign):
    loss = Linear()
    game = AdversarialFeatures(loss, loss, learning_rate=0.1)
    head = (sign * ONE).requires_grad_()
    game.step([head], ONE, ONE)
    # Adam's first step is its rate along the gradient's sign: up the loss
    assert loss.phi.weight.item() == pytest.approx(2 + sign * 0.1, abs=1e-6)
    assert head.grad is None
    assert not loss.phi.weight.requires_grad


def test_features_are_frozen_after_an_error_too():
    loss = Failing()
    with pytest.raises(ZeroDivisionError):
        AdversarialFeatures(loss, loss, 0.1).step([ONE], ONE, ONE)
    assert not loss.phi.weight.requires_grad


def test_a_game_goes_on_from_its_state_to_the_bit():
    def played(steps, state=None):
        loss = Linear()
        game = AdversarialFeatures(loss, loss, 0.1)
        if state is not None:
            game.load_state_dict(state)
        for k in steps:
            game.step([ONE * (k + 1)], ONE, ONE)
        return game

    whole = played(range(4))
    again = played(range(2, 4), played(range(2)).state_dict())
    assert torch.equal(whole.phi.weight, again.phi.weight)
    assert not torch.equal(whole.phi.weight, played(range(2, 4)).phi.weight)
