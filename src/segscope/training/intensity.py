"""Changes of a patch's intensities, each a plain function of ``(C, *P)`` and its strength."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from segscope.training.geometry import LINEAR


def blur(image: Tensor, sd: float) -> Tensor:
    """Smooth by a Gaussian of ``sd`` voxels, the edge repeated; below 0.1 voxels nothing changes.

    Example:
        >>> blur(torch.ones(1, 4, 4), 1.0).round(decimals=5).unique().tolist()
        [1.0]
    """
    if sd < 0.1:
        return image
    radius = max(1, math.ceil(2.5 * sd))
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sd) ** 2)
    kernel = kernel / kernel.sum()
    smooth = image
    for axis in range(1, image.ndim):
        moved = smooth.movedim(axis, -1)
        flat = moved.reshape(-1, 1, moved.shape[-1])
        padded = functional.pad(flat, (radius, radius), mode="replicate")
        smooth = functional.conv1d(padded, kernel[None, None]).reshape(moved.shape)
        smooth = smooth.movedim(-1, axis)
    return smooth


def lower_resolution(image: Tensor, zoom: float) -> Tensor:
    """Show the image as if it had been taken with ``zoom`` (at most 1) times as many voxels a side.

    Voxels are dropped and the rest interpolated, as nnU-Net does.

    Example:
        >>> lower_resolution(torch.tensor([[0.0, 1.0, 0.0, 1.0]]), 0.5).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    sides = image.shape[1:]
    fewer = [max(1, round(side * zoom)) for side in sides]
    small = functional.interpolate(image[None], fewer, mode="nearest-exact")
    return functional.interpolate(small, sides, mode=LINEAR[len(sides)], align_corners=False)[0]


def contrast(image: Tensor, factor: float) -> Tensor:
    """Stretch each channel about its mean.

    Example:
        >>> contrast(torch.tensor([[0.0, 2.0]]), 2.0).tolist()
        [[-1.0, 3.0]]
    """
    mean = image.mean(tuple(range(1, image.ndim)), keepdim=True)
    return mean + (image - mean) * factor


def gamma_curve(image: Tensor, exponent: float) -> Tensor:
    """Bend each channel between its own lowest and highest value, which stay.

    Example:
        >>> gamma_curve(torch.tensor([[0.0, 1.0, 2.0]]), 2.0).tolist()
        [[0.0, 0.5, 2.0]]
    """
    axes = tuple(range(1, image.ndim))
    low, high = image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)
    span = (high - low).clamp_min(1e-7)
    return ((image - low) / span).pow(exponent) * span + low
