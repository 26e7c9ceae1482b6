"""Random changes of a training patch, drawn from one generator.

All geometry is one affine resampling, so that an image is interpolated once. MONAI's transforms
are not used here: they draw from a state of their own, which ties a sample to its worker and its
past, while here a sample depends on (seed, epoch, index) alone.
"""

import math
import re
from collections.abc import Mapping

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

_LEFT_RIGHT = re.compile(r"(^|[^a-z])(left|right|lh|rh|l|r)([^a-z]|$)")
_SWAP = {"left": "right", "right": "left", "lh": "rh", "rh": "lh", "l": "r", "r": "l"}


class AugmentPlan(BaseModel):
    """Which changes, how strong and how often; all off is the identity.

    Args:
        geometry_share: Share of samples that are rotated and scaled.
        rotation_degrees: Largest angle, about each axis in 3D.
        scale: Smallest and largest zoom.
        mirror_axes: Axes along which half of the samples are mirrored.
        noise_share: Share with Gaussian noise of up to ``noise_sd`` (in normalised units).
        noise_sd: See above.
        blur_share: Share that is smoothed by up to ``blur_sd`` voxels.
        blur_sd: See above.
        brightness_share: Share multiplied by a factor of 1 -+ ``brightness``.
        brightness: See above.
        contrast_share: Share whose spread about the mean is changed by 1 -+ ``contrast``.
        contrast: See above.
        gamma_share: Share with a gamma curve between the exponents ``gamma``.
        gamma: See above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    geometry_share: float = Field(default=0.3, ge=0, le=1)
    rotation_degrees: float = Field(default=20.0, ge=0, le=180)
    scale: tuple[float, float] = (0.8, 1.25)
    mirror_axes: tuple[int, ...] = ()
    noise_share: float = Field(default=0.1, ge=0, le=1)
    noise_sd: float = Field(default=0.15, ge=0)
    blur_share: float = Field(default=0.1, ge=0, le=1)
    blur_sd: float = Field(default=1.0, gt=0)
    brightness_share: float = Field(default=0.15, ge=0, le=1)
    brightness: float = Field(default=0.25, ge=0, lt=1)
    contrast_share: float = Field(default=0.15, ge=0, le=1)
    contrast: float = Field(default=0.25, ge=0, lt=1)
    gamma_share: float = Field(default=0.15, ge=0, le=1)
    gamma: tuple[float, float] = (0.7, 1.5)

    @classmethod
    def none(cls) -> "AugmentPlan":
        """Return the plan that changes nothing."""
        return cls(
            geometry_share=0, noise_share=0, blur_share=0, brightness_share=0, contrast_share=0,
            gamma_share=0,
        )  # fmt: skip


def augment(
    image: Tensor, label: Tensor, plan: AugmentPlan, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Change one sample.

    Args:
        image: ``(C, *P)`` float32.
        label: ``(*P)`` integers.
        plan: What may happen.
        random: All draws come from here, in an order that does not depend on the image.

    Returns:
        Image and label of the same shapes; labels hold only values that they held before (or 0).

    Example:
        >>> x, y = torch.rand(1, 4, 4), torch.ones(4, 4, dtype=torch.long)
        >>> same, _ = augment(x, y, AugmentPlan.none(), np.random.default_rng(0))
        >>> bool((same == x).all())
        True
    """
    draws = random.random(8)
    signs = random.uniform(-1, 1, 16)
    if draws[0] < plan.geometry_share:
        image, label = _affine(image, label, plan, signs)
    flips = [k for k in plan.mirror_axes if random.random() < 0.5]
    if flips:
        image = image.flip([1 + k for k in flips])
        label = label.flip(flips)
    if draws[1] < plan.blur_share:
        image = _blur(image, plan.blur_sd * abs(signs[8]))
    if draws[2] < plan.brightness_share:
        image = image * float(1 + plan.brightness * signs[9])
    if draws[3] < plan.contrast_share:
        axes = tuple(range(1, image.ndim))
        mean = image.mean(axes, keepdim=True)
        image = mean + (image - mean) * float(1 + plan.contrast * signs[10])
    if draws[4] < plan.gamma_share:
        image = _gamma(image, _between(*plan.gamma, signs[11]))
    if draws[5] < plan.noise_share:
        noise = random.standard_normal(tuple(image.shape), np.float32)
        image = image + torch.from_numpy(noise) * float(plan.noise_sd * abs(signs[12]))
    return image.contiguous(), label.contiguous()


def allowed_mirror_axes(
    labels: Mapping[str, int], *, spatial_dims: int, image_dims: int
) -> tuple[int, ...]:
    """Axes along which a mirrored image still has right labels.

    Where labels come in pairs of left and right, the left-right axis is left out: axis 0 of
    volumes in RAS order, the columns of plane images. (Slices of volumes keep no fixed axis, so
    with such labels they are not mirrored at all.)

    Example:
        >>> allowed_mirror_axes({"left lung": 1, "right lung": 2}, spatial_dims=3, image_dims=3)
        (1, 2)
        >>> allowed_mirror_axes({"lesion": 1}, spatial_dims=2, image_dims=2)
        (0, 1)
    """
    everything = tuple(range(spatial_dims))
    if not _has_sides(labels):
        return everything
    if spatial_dims < image_dims:
        return ()
    sided = 0 if spatial_dims == 3 else 1
    return tuple(axis for axis in everything if axis != sided)


def _has_sides(labels: Mapping[str, int]) -> bool:
    names = {name.lower() for name in labels}
    for name in names:
        match = _LEFT_RIGHT.search(name)
        if match is None:
            continue
        start, stop = match.span(2)
        if name[:start] + _SWAP[match[2]] + name[stop:] in names:
            return True
    return False


def _affine(
    image: Tensor, label: Tensor, plan: AugmentPlan, signs: np.ndarray
) -> tuple[Tensor, Tensor]:
    dims = label.ndim
    sides = np.array(label.shape, float)
    matrix = _rotation([math.radians(plan.rotation_degrees * s) for s in signs[:3]], dims)
    matrix = matrix / _between(*plan.scale, signs[3])
    # grid_sample counts axes backwards and in units of half a side
    order = list(range(dims))[::-1]
    relative = (matrix * sides[None, :] / sides[:, None])[np.ix_(order, order)]
    theta = torch.zeros(1, dims, dims + 1)
    theta[0, :, :dims] = torch.from_numpy(relative)
    grid = functional.affine_grid(theta, [1, 1, *label.shape], align_corners=False)
    moved = functional.grid_sample(
        image[None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    names = functional.grid_sample(
        label[None, None].float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return moved[0], names[0, 0].to(label.dtype)


def _rotation(angles: list[float], dims: int) -> np.ndarray:
    matrix = np.eye(dims)
    planes = [(0, 1)] if dims == 2 else [(0, 1), (0, 2), (1, 2)]
    for (a, b), angle in zip(planes, angles[: len(planes)], strict=True):
        turn = np.eye(dims)
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ turn
    return matrix


def _blur(image: Tensor, sd: float) -> Tensor:
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


def _gamma(image: Tensor, exponent: float) -> Tensor:
    axes = tuple(range(1, image.ndim))
    low, high = image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)
    span = (high - low).clamp_min(1e-7)
    return ((image - low) / span).pow(exponent) * span + low


def _between(low: float, high: float, sign: float) -> float:
    """Map -1..1 to low..high, evenly in the logarithm, so that both ways are equally likely."""
    return float(math.exp(math.log(low) + (sign + 1) / 2 * (math.log(high) - math.log(low))))
