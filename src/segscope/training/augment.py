"""Random changes of a training patch, drawn from one generator.

All geometry is one resampling, so that an image is interpolated once. MONAI's transforms are not
used here: they draw from a state of their own, which ties a sample to its worker and its past,
while here a sample depends on (seed, epoch, index) alone; and each of them resamples for itself.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor

from segscope.training.geometry import Geometry, affine_matrix, planes, resample
from segscope.training.intensity import blur, contrast, gamma_curve, lower_resolution

_SIDE = re.compile(r"left|right|(?<![a-z])(?:lh|rh|l|r)(?![a-z])")
_SWAP = {"left": "right", "right": "left", "lh": "rh", "rh": "lh", "l": "r", "r": "l"}

_PRESETS: dict[str, dict[str, Any]] = {
    "mild": {},  # the defaults
    "none": dict.fromkeys(
        (
            "geometry_share",
            "noise_share",
            "blur_share",
            "brightness_share",
            "contrast_share",
            "gamma_share",
        ),
        0.0,
    ),
    "strong": {
        "geometry_share": 0.5,
        "rotation_degrees": 30.0,
        "scale": (0.7, 1.4),
        "noise_share": 0.2,
        "noise_sd": 0.3,
        "blur_share": 0.2,
        "brightness_share": 0.3,
        "brightness": 0.3,
        "contrast_share": 0.3,
        "contrast": 0.35,
        "gamma_share": 0.3,
        "low_resolution_share": 0.25,
    },
}


class AugmentPlan(BaseModel):
    """Which changes, how strong and how often; all shares at 0 and no mirrors is the identity.

    ``preset`` (``none``, ``mild`` or ``strong``) may be given too: it fills in what is not given.
    Mild is the default; elastic deformation is off in all.

    Args:
        geometry_share: Share of samples that are rotated and scaled.
        rotation_degrees: Largest angle, about each axis in 3D.
        scale: Smallest and largest zoom.
        voxel_mm: Sides of a prepared voxel, so that rotations turn millimetres; empty for cubes.
        elastic_share: Share that is bent smoothly, by displacements of standard deviation
            ``elastic_voxels`` at five knots a side.
        elastic_voxels: See above.
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
        low_resolution_share: Share shown with as little as ``low_resolution`` of the voxels a side.
        low_resolution: See above.
        mask_channels: Channels that move with the others, and whose values stay 0 or 1.

    Example:
        >>> AugmentPlan(preset="strong", mirror_axes=(0,)).rotation_degrees
        30.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    geometry_share: float = Field(default=0.3, ge=0, le=1)
    rotation_degrees: float = Field(default=20.0, ge=0, le=180)
    scale: tuple[float, float] = (0.8, 1.25)
    voxel_mm: tuple[float, ...] = ()
    elastic_share: float = Field(default=0.0, ge=0, le=1)
    elastic_voxels: float = Field(default=2.0, ge=0)
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
    low_resolution_share: float = Field(default=0.0, ge=0, le=1)
    low_resolution: float = Field(default=0.5, gt=0, le=1)
    mask_channels: tuple[int, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "preset" not in values:
            return values
        given = {key: value for key, value in values.items() if key != "preset"}
        if values["preset"] not in _PRESETS:
            raise ValueError(f"preset must be one of {', '.join(_PRESETS)}")
        return {**_PRESETS[values["preset"]], **given}

    @field_validator("scale", "gamma")
    @classmethod
    def _check_bounds(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0 < bounds[0] <= bounds[1] < math.inf:
            raise ValueError("expected two numbers above 0, the smaller one first")
        return bounds

    @field_validator("mirror_axes")
    @classmethod
    def _check_axes(cls, axes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(axes)) < len(axes) or not set(axes) <= {0, 1, 2}:
            raise ValueError("expected different axes out of 0, 1, 2")
        return axes

    @field_validator("voxel_mm")
    @classmethod
    def _check_sides(cls, sides: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < side < math.inf for side in sides):
            raise ValueError("expected lengths above 0")
        return sides

    @classmethod
    def none(cls) -> "AugmentPlan":
        """Return the plan that changes nothing."""
        return cls(**_PRESETS["none"])

    @classmethod
    def mild(cls, *, mirror_axes: tuple[int, ...] = ()) -> "AugmentPlan":
        """Return the default plan."""
        return cls(mirror_axes=mirror_axes)

    @classmethod
    def strong(cls, *, mirror_axes: tuple[int, ...] = ()) -> "AugmentPlan":
        """Return a plan about as strong as nnU-Net's."""
        return cls(**_PRESETS["strong"], mirror_axes=mirror_axes)


def augment(
    image: Tensor, label: Tensor, plan: AugmentPlan, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Change one sample.

    Args:
        image: ``(C, *P)`` float32.
        label: ``(*P)`` integers.
        plan: What may happen.
        random: All draws come from here, in an order that does not depend on the image:
            ``np.random.default_rng((seed, epoch, index))`` gives a sample that depends on these.

    Returns:
        Image and label of the same shapes; labels hold only values that they held before.

    Example:
        >>> x, y = torch.rand(1, 4, 4), torch.ones(4, 4, dtype=torch.long)
        >>> same, _ = augment(x, y, AugmentPlan.none(), np.random.default_rng(0))
        >>> bool((same == x).all())
        True
    """
    geometry = draw_geometry(plan, label.ndim, random)
    if geometry is not None:
        image, label = resample(image, label, geometry, label.shape)
    return vary(image, label, plan, random)


def draw_geometry(plan: AugmentPlan, dims: int, random: np.random.Generator) -> Geometry | None:
    """Draw how one sample is turned, scaled and bent; None where it stays as it is.

    Example:
        >>> draw_geometry(AugmentPlan.none(), 3, np.random.default_rng(0)) is None
        True
    """
    moves, bends = random.random(2) < (plan.geometry_share, plan.elastic_share)
    signs = random.uniform(-1, 1, 1 + len(planes(dims)))
    if not (moves or bends):
        return None
    matrix = np.eye(dims)
    if moves:
        angles = np.radians(plan.rotation_degrees) * signs[1:]
        zoom = _between(*plan.scale, signs[0])
        matrix = affine_matrix(list(angles), zoom, plan.voxel_mm or (1.0,) * dims)
    coarse = None
    if bends:
        knots = random.standard_normal((dims, *(5,) * dims), np.float32)
        coarse = knots * np.float32(plan.elastic_voxels)
    return Geometry(matrix, coarse)


def vary(
    image: Tensor, label: Tensor, plan: AugmentPlan, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mirror one sample and change its intensities: `augment` without the resampling."""
    happens = random.random(6)
    signs = random.uniform(-1, 1, 6)
    flips = [k for k in plan.mirror_axes if random.random() < 0.5]
    if flips:
        image, label = image.flip([1 + k for k in flips]), label.flip(flips)
    masks = [k for k in plan.mask_channels if k < len(image)]
    rest = [k for k in range(len(image)) if k not in masks]
    if not masks:
        image = _intensities(image, plan, happens, signs, random)
    else:
        whole = image
        image = torch.empty_like(whole)
        image[masks] = (whole[masks] >= 0.5).to(whole.dtype)  # resampling blends their edges
        if rest:
            image[rest] = _intensities(whole[rest], plan, happens, signs, random)
    return image.contiguous(), label.contiguous()


def _intensities(
    image: Tensor,
    plan: AugmentPlan,
    happens: NDArray[np.float64],
    signs: NDArray[np.float64],
    random: np.random.Generator,
) -> Tensor:
    if happens[0] < plan.blur_share:
        image = blur(image, plan.blur_sd * abs(signs[0]))
    if happens[1] < plan.low_resolution_share:
        image = lower_resolution(image, _between(plan.low_resolution, 1.0, signs[1]))
    if happens[2] < plan.brightness_share:
        image = image * float(1 + plan.brightness * signs[2])
    if happens[3] < plan.contrast_share:
        image = contrast(image, float(1 + plan.contrast * signs[3]))
    if happens[4] < plan.gamma_share:
        image = gamma_curve(image, _between(*plan.gamma, signs[4]))
    if happens[5] < plan.noise_share:
        noise = random.standard_normal(tuple(image.shape), np.float32)
        image = image + torch.from_numpy(noise) * float(plan.noise_sd * abs(signs[5]))
    return image


def sided_axes(labels: Mapping[str, int]) -> tuple[int, ...]:
    """Axes of a volume in RAS order along which labels tell sides apart: ``(0,)`` or none.

    Sides are told apart where two names differ by left and right, ``l`` and ``r``, or ``lh`` and
    ``rh`` only.

    Example:
        >>> sided_axes({"Hippocampus_L": 1, "Hippocampus_R": 2}), sided_axes({"left atrium": 1})
        ((0,), ())
    """
    names = {name.lower() for name in labels}
    for name in names:
        for side in _SIDE.finditer(name):
            start, stop = side.span()
            if name[:start] + _SWAP[side[0]] + name[stop:] in names:
                return (0,)
    return ()


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
    sided = sided_axes(labels)
    if sided and spatial_dims < image_dims:
        return ()
    if sided and spatial_dims == 2:
        sided = (1,)
    return tuple(axis for axis in range(spatial_dims) if axis not in sided)


def _between(low: float, high: float, sign: float) -> float:
    """Map -1..1 to low..high, evenly in the logarithm, so that both ways are equally likely."""
    return float(math.exp(math.log(low) + (sign + 1) / 2 * (math.log(high) - math.log(low))))
