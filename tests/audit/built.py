"""A network and a case whose audit is known by construction."""

import torch
from torch import nn

from tests.synthetic import ball


def threshold_network():
    """Brightness above 0.5 is the object; its second unit holds nothing of use."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
        net[0].bias.copy_(torch.tensor([0.0, 1.0]))
        net[2].weight.copy_(torch.tensor([20.0, 0.0]).view(1, 2, 1, 1))
        net[2].bias.copy_(torch.tensor([-10.0]))
    return net


def disc(name="a", truth=True):
    mask = torch.from_numpy(ball((16, 16), (6, 6), 4))
    return name, mask.float()[None], mask.long()[None] if truth else None
