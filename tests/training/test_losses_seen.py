"""Losses are looked at in groups, and one that is not finite is told with its own step."""

import math

import pytest
import torch

from segscope.errors import WorkError
from segscope.training.losses_seen import LossesSeen, check_finite


def taken(device, values):
    seen = LossesSeen(torch.device(device), "wait")
    looked = [seen.add(torch.tensor(v), step=k, epoch=3) for k, v in enumerate(values)]
    return seen, looked


def test_a_processor_looks_at_every_step():
    seen, looked = taken("cpu", [1.0, 2.0])
    assert (looked, seen.values, seen.waiting) == ([1, 1], [1.0, 2.0], 0)


def test_a_card_is_asked_every_ten_steps_and_at_the_end():
    seen, looked = taken("cuda", [float(k) for k in range(13)])
    assert looked == [0] * 9 + [10] + [0] * 3
    assert (seen.last, seen.waiting) == (9.0, 3)
    assert (seen.look(step=12, epoch=3), seen.look(step=12, epoch=3)) == (3, 0)
    assert seen.values == [float(k) for k in range(13)]


def test_nothing_was_seen_before_the_first():
    assert math.isnan(taken("cuda", [1.0])[0].last)


@pytest.mark.parametrize("bad", [math.nan, math.inf], ids=["nan", "infinite"])
def test_the_step_that_failed_is_named_not_the_one_that_looked(bad):
    with pytest.raises(WorkError, match=rf"became {bad} at step 4 \(epoch 3\); .*: wait, then"):
        taken("cuda", [0.0] * 4 + [bad] + [0.0] * 5)


def test_a_loss_keeps_no_graph():
    weight = torch.ones(1, requires_grad=True)
    seen = LossesSeen(torch.device("cuda"), "wait")
    seen.add((weight * 2).sum(), step=0, epoch=0)
    assert seen._waiting[0].grad_fn is None


def test_finite_losses_pass():
    check_finite("loss", 1.0, step=0, epoch=0, remedy="")


def test_a_gradient_that_is_not_finite_is_told_as_one():
    seen = LossesSeen(torch.device("cpu"), "wait")
    with pytest.raises(WorkError, match="the gradient became inf at step 0"):
        seen.add(torch.tensor(1.0), step=0, epoch=0, norm=torch.tensor(math.inf))
