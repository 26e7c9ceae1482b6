"""A segmentation network as a task: its optimiser's groups, its heads, its images."""

import torch
from torch import nn

from segscope.networks import build_network
from segscope.training.recipe import TrainRecipe
from segscope.training.segmentation import AllHeads, make_optimizer


def settings(**more):
    return TrainRecipe(**{"epochs": 2, "steps_per_epoch": 3, "batch_size": 2, **more})


def test_biases_and_norms_do_not_decay():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    decays, stays = make_optimizer(net, settings(weight_decay=0.3)).param_groups
    assert [tuple(p.shape) for p in decays["params"]] == [(2, 1, 3, 3)]
    assert [tuple(p.shape) for p in stays["params"]] == [(2,), (2,), (2,)]
    assert (decays["weight_decay"], stays["weight_decay"]) == (0.3, 0.0)


def test_sgd_is_nnunets():
    optimizer = make_optimizer(nn.Linear(1, 1), settings(optimizer="sgd", learning_rate=0.01))
    group = optimizer.param_groups[0]
    assert isinstance(optimizer, torch.optim.SGD)
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.01, 0.99, True)


def test_a_step_sees_all_heads():
    net = build_network("anunet", 2, 1, 2, widths=[2, 2, 2, 2, 2]).eval()
    x = torch.ones(1, 1, 16, 16)
    heads = AllHeads(net)(x)
    assert len(heads) == 4
    assert torch.equal(heads[-1], net(x))
