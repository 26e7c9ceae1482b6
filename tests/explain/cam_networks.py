"""Networks whose maps are known, and maps written out."""

import torch
from torch import nn


def classifier(dims=2, seed=0):
    torch.manual_seed(seed)
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
    pool = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}[dims]
    mean = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[dims]
    return nn.Sequential(
        conv(2, 4, 3, padding=1), nn.ReLU(inplace=True), pool(2),
        conv(4, 6, 3, padding=1), nn.ReLU(inplace=True), mean(1), nn.Flatten(),
        nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3),
    )  # fmt: skip
