"""Axes are followed through a network."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.features.layouts_read import read


class Planes(nn.Module):
    """Convolution, then a function of its map."""

    def __init__(self, change):
        super().__init__()
        self.conv, self.at, self.change = nn.Conv2d(1, 8, 1), nn.Identity(), change

    def forward(self, x):
        return self.at(self.change(self.conv(x)))


def halved(y):
    """Neighbours as channels, as a Swin makes its maps smaller."""
    return y.permute(0, 2, 3, 1).reshape(1, 4, 2, 4, 2, 8).permute(0, 1, 3, 2, 4, 5).flatten(3)


def windowed(y):
    """There and back through windows of three, which four rows are padded for."""
    padded = functional.pad(y, (0, 0, 0, 2, 0, 2)).reshape(1, 2, 3, 2, 3, 32)
    windows = padded.permute(0, 1, 3, 2, 4, 5).reshape(4, 9, 32) * 2
    whole = windows.reshape(1, 2, 2, 3, 3, 32).permute(0, 1, 3, 2, 4, 5).reshape(1, 6, 6, 32)
    return whole[:, :4, :4]


def test_sums_views_and_windows_keep_track_of_axes():
    x = torch.rand(1, 1, 8, 8)  # as many channels as rows and columns
    last = {
        "permuted": lambda y: y.permute(0, 2, 3, 1) + 1,
        "moved": lambda y: y.movedim(1, -1) * y.permute(0, 2, 3, 1),
        "tokens": lambda y: y.flatten(2).transpose(1, 2).reshape(1, 8, 8, 8),
        "normed": lambda y: functional.layer_norm(y.permute(0, 2, 3, 1), (8,)),
        "rolled": lambda y: y.permute(0, 2, 3, 1).roll((1, 1), (1, 2)),
        "padded": lambda y: functional.pad(y.permute(0, 2, 3, 1), (0, 0, 0, 2, 0, 2))[:, :8, :8],
        "windows": lambda y: (
            y.permute(0, 2, 3, 1).reshape(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5)
            .reshape(4, 16, 8).reshape(1, 2, 2, 4, 4, 8).permute(0, 1, 3, 2, 4, 5)
            .reshape(1, 8, 8, 8)
        ),
        "windows of padded rows": lambda y: halved(y) + windowed(halved(y)),
    }  # fmt: skip
    for name, change in last.items():
        found, raw = read(Planes(change), "at", x)
        assert torch.equal(found, raw.permute(0, 3, 1, 2)), name
    first = {
        "as it is": lambda y: y,
        "there and back": lambda y: functional.gelu(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        "gated": lambda y: y * torch.sigmoid(y.mean((2, 3), keepdim=True)),
        "shuffled": lambda y: y.view(1, 2, 4, 8, 8).transpose(1, 2).reshape(1, 8, 8, 8),
        "joined": lambda y: torch.cat([y[:, :3], y[:, 3:]], 1),
        "attended": lambda y: (
            (y.flatten(2).transpose(1, 2) @ y.flatten(2)).softmax(-1)
            @ y.flatten(2).transpose(1, 2)
        ).transpose(1, 2).reshape(1, 8, 8, 8),
        "attended by columns": lambda y: (
            y.flatten(2) @ (y.flatten(2).transpose(1, 2) @ y.flatten(2)).softmax(1)
        ).reshape(1, 8, 8, 8) + y,
        "resized": lambda y: functional.interpolate(functional.max_pool2d(y, 2), scale_factor=2),
        "space to depth and back": lambda y: functional.pixel_shuffle(
            functional.pixel_unshuffle(y, 2), 2
        ),
    }  # fmt: skip
    for name, change in first.items():
        found, raw = read(Planes(change), "at", x)
        assert torch.equal(found, raw), name
    # rows and columns that have changed places are put back
    found, raw = read(Planes(lambda y: y.transpose(2, 3)), "at", x)
    assert torch.equal(found, raw.transpose(2, 3))


def alike(y):
    """How alike the places are, in two heads: as large as a map, and none."""
    heads = y.reshape(1, 2, 4, -1)
    return (heads.transpose(2, 3) @ heads).softmax(-1)


def test_what_is_mixed_up_is_refused():
    mix, start = nn.Linear(64, 64), torch.zeros(1, 8, 1)
    for change in (
        lambda y: mix(y.flatten(2)).reshape(1, 8, 8, 8),  # over all places
        lambda y: y.flatten()[torch.randperm(512)].reshape(1, 8, 8, 8),
        lambda y: y.flatten(1).view(1, 64, 8, 1).expand(1, 64, 8, 8),
        alike,
        lambda y: alike(torch.cat([start, y.flatten(2)], 2)),
    ):
        with pytest.raises(ValueError, match="layer at: its output is no feature map"):
            read(Planes(change), "at", torch.rand(1, 1, 8, 8))
