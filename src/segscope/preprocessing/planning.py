"""From a dataset's fingerprint to its preprocessing plan: the rules, nnU-Net's where it has one.

Orientation and crop    volumes: closest to RAS+, cut to content; plane images: as they are.
Spacing                 the median per axis; on an axis more than three times as coarse as the
                        finest and has not the most voxels, the 10th percentile, but not finer than
                        the others. Voxels within 0.1 % of the target stay as they are, so where
                        all volumes agree nothing is resampled until one of another spacing comes.
Dimensions              a 3D network, unless the median volume has fewer than 8 voxels along an
                        axis; then slice by slice along the coarsest axis.
Size in the plane       plane images of different sizes: the median sides, each rounded to the
                        nearest multiple of 32, from 32 to 256.
Intensities             by the channel's name, as in nnU-Net (`images.channels`): ``CT``: a window
                        of the foreground's 0.5 and 99.5 percentiles (or the one that is asked
                        for), then its mean and deviation; ``noNorm``, ``rescale_to_0_1``,
                        ``rgb_to_0_1`` as they say; others image by image.
"""

import math
from typing import Any

import numpy as np

from segscope.images import ChannelStatistics, Fingerprint
from segscope.images.channels import normalisation_of
from segscope.preprocessing.normalise import Scheme
from segscope.preprocessing.plan import ANISOTROPIC, Plan

_LARGEST_SIDE = 256
_MULTIPLE = 32
_THIN = 8
_SAME_SPACING = 1e-3
_FOR_ALL = ("zscore", "own_range", "rgb", "maximum", "none")


def plan_preprocessing(
    fingerprint: Fingerprint,
    *,
    spatial_dims: int | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    resize: tuple[int, int] | None = None,
    ct_window: tuple[float, float] | None = None,
    scheme: Scheme | None = None,
) -> Plan:
    """Plan from a fingerprint; arguments replace what would be measured.

    Args:
        fingerprint: Of the training cases.
        spatial_dims: Of the network.
        spacing_mm: Target spacing of volumes in R, A, S order.
        resize: Target shape of plane images, or of slices; replaces a target spacing.
        ct_window: Lower and upper limit of CT channels, e.g. (-200, 200) HU.
        scheme: How every channel is normalised; of those that need no measured numbers. ``window``
            scales CT channels to 0..1 within ``ct_window`` and leaves others as they are planned.

    Raises:
        ValueError: The arguments contradict each other or the dataset.
    """
    dims = fingerprint.image_dims
    thin = dims == 3 and min(fingerprint.median_shape) < _THIN
    wanted = spatial_dims or (2 if dims == 2 or thin else 3)
    if dims == 3 and spacing_mm is None and resize is None:
        spacing_mm = _target_spacing(fingerprint)
    if dims == 2 and spacing_mm is None and resize is None and len(set(fingerprint.shapes)) > 1:
        resize = _common_plane(fingerprint)
    spacing = spacing_mm or fingerprint.median_spacing_mm
    return Plan.model_validate(
        {
            "image_dims": dims,
            "spatial_dims": wanted,
            "slice_axis": _coarsest(spacing) if wanted < dims else None,
            "orientation": "RAS" if dims == 3 else None,
            "spacing_mm": spacing_mm,
            "resize": resize,
            "crop": dims == 3,
            "channels": [_plan_channel(c, ct_window, scheme) for c in fingerprint.channels],
        }
    )


def _target_spacing(fingerprint: Fingerprint) -> tuple[float, ...]:
    spacings = np.array(fingerprint.spacings_mm)
    target = np.median(spacings, axis=0)
    if np.allclose(spacings, target, rtol=_SAME_SPACING, atol=0):
        return tuple(float(s) for s in target)
    coarse = int(target.argmax())
    shape = fingerprint.median_shape
    if target[coarse] > ANISOTROPIC * target.min() and shape[coarse] < max(shape):
        finest_allowed = np.delete(target, coarse).max()
        target[coarse] = max(np.percentile(spacings[:, coarse], 10), finest_allowed)
    return tuple(float(s) for s in target)


def _common_plane(fingerprint: Fingerprint) -> tuple[int, int]:
    rows, columns = (
        min(_LARGEST_SIDE, max(1, round(side / _MULTIPLE)) * _MULTIPLE)
        for side in fingerprint.median_shape
    )
    return rows, columns


def _coarsest(spacing_mm: tuple[float, ...]) -> int:
    """The axis of the largest spacing; the last of equals, which is axial in RAS."""
    largest = max(spacing_mm)
    return max(
        k for k, s in enumerate(spacing_mm) if math.isclose(s, largest, rel_tol=_SAME_SPACING)
    )


def _plan_channel(
    statistics: ChannelStatistics,
    ct_window: tuple[float, float] | None,
    scheme: Scheme | None,
) -> dict[str, Any]:
    if scheme is not None and scheme != "window":
        if scheme not in _FOR_ALL:
            raise ValueError(
                f"scheme: {', '.join(_FOR_ALL)} or window for all channels, got {scheme!r}"
            )
        return {"name": statistics.name, "scheme": scheme}
    meant = normalisation_of(statistics.name)
    if meant != "ct":
        return {"name": statistics.name, "scheme": meant}
    lower, upper = ct_window or (
        statistics.foreground_percentile_00_5,
        statistics.foreground_percentile_99_5,
    )
    if scheme == "window":
        return {"name": statistics.name, "scheme": "window", "lower": lower, "upper": upper}
    return {
        "name": statistics.name,
        "scheme": "ct",
        "lower": lower,
        "upper": upper,
        "mean": min(max(statistics.foreground_mean, lower), upper),
        "sd": statistics.foreground_sd or 1.0,
    }
