"""A network that is exact by construction."""

import torch
from torch import nn


class Threshold(nn.Module):
    """The object is where the image is brighter than a value; exact by construction."""

    def __init__(self, dims, value, scale):
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.conv = conv(1, 1, 1)
        self.activation = nn.Identity()
        with torch.no_grad():
            self.conv.weight.fill_(scale)
            self.conv.bias.fill_(-value * scale)

    def forward(self, x):
        return self.conv(x)
