"""The preprocessing plan: measured once per dataset, applied forward, undone exactly.

Forward: orientation (closest to RAS+) -> crop to content -> resample (to a spacing, or to a fixed
shape in the plane) -> normalise each channel. Back: probabilities are resampled to the crop's
shape, pasted into background, and turned to the file's own axes.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from segscope.images import Fingerprint, Grid, Image, LabelMap, Probabilities
from segscope.preprocessing.crop import Box, content_box, cut, cut_grid, paste
from segscope.preprocessing.normalise import ChannelPlan, normalise
from segscope.preprocessing.orient import (
    Orientation,
    orientation_to_ras,
    reorient,
    reorient_grid,
    restore,
)
from segscope.preprocessing.resample import resample_labels, resample_linear, resampled_grid

_LARGEST_PLANE = 256


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image as the network sees it, and what is needed to go back.

    Args:
        array: ``(C, *P)`` float32.
        grid: Of ``array``.
        native: Grid of the file.
        orientation: Axes of the file that serve as axes of ``array``.
        box: What was cut out, in reoriented voxels.
        reoriented_shape: Before cutting.
        notes: Of the image, and what preparing it added.
    """

    array: NDArray[np.float32]
    grid: Grid
    native: Grid
    orientation: Orientation
    box: Box
    reoriented_shape: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Shape of the crop before resampling."""
        return tuple(stop - start for start, stop in self.box)


class Plan(BaseModel):
    """Everything that happens to an image before the network and after it.

    Args:
        image_dims: 2 for plane images, 3 for volumes.
        spatial_dims: Of the network; 2 with volumes means slice by slice.
        slice_axis: Axis of the reoriented volume that slices are taken along.
        orientation: ``RAS`` for volumes (the closest axis order), None for plane images.
        spacing_mm: Target spacing of the reoriented volume; None leaves it.
        resize: Target shape in the plane (of each slice, for volumes); None leaves it.
        crop: Cut to what differs from the corner's value, before resampling.
        channels: One per channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_dims: Literal[2, 3]
    spatial_dims: Literal[2, 3]
    slice_axis: Literal[0, 1, 2] | None = None
    orientation: Literal["RAS"] | None = None
    spacing_mm: tuple[float, ...] | None = None
    resize: tuple[int, ...] | None = None
    crop: bool = False
    channels: tuple[ChannelPlan, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        if self.spatial_dims > self.image_dims:
            raise ValueError("plane images cannot train a 3D network")
        if (self.slice_axis is not None) != (self.spatial_dims < self.image_dims):
            raise ValueError("slice_axis is for volumes that train a 2D network, and needed there")
        if self.spacing_mm is not None and (
            len(self.spacing_mm) != self.image_dims or min(self.spacing_mm) <= 0
        ):
            raise ValueError(f"spacing_mm: {self.image_dims} positive numbers expected")
        if self.resize is not None and (len(self.resize) != 2 or min(self.resize) < 1):
            raise ValueError(f"resize: two positive numbers expected, got {self.resize}")
        if self.resize is not None and self.spatial_dims != 2:
            raise ValueError("resize is for 2D networks; volumes have spacing_mm")
        return self

    def apply(self, image: Image) -> Prepared:
        """Prepare an image.

        Raises:
            ValueError: The image has other channels or dimensions than the plan.
        """
        if len(image.array) != len(self.channels) or image.grid.ndim != self.image_dims:
            raise ValueError(
                f"the plan is for {len(self.channels)} channels in {self.image_dims}D, "
                f"got {len(image.array)} in {image.grid.ndim}D"
            )
        orientation: Orientation = tuple((axis, 1) for axis in range(image.grid.ndim))
        if self.orientation is not None:
            orientation = orientation_to_ras(image.grid)
        array = reorient(image.array, orientation)
        grid = reorient_grid(image.grid, orientation)
        whole = grid.shape
        box: Box = tuple((0, side) for side in whole)
        if self.crop:
            box = content_box(array)
            array, grid = cut(array, box), cut_grid(grid, box)
        shape = self.prepared_shape(grid)
        channels, said = [], []
        # normalised before resampling, as nnU-Net does: the statistics are those of real voxels
        for channel, plan in zip(array, self.channels, strict=True):
            values, note = normalise(channel, plan)
            channels.append(values)
            said += [note] if note else []
        prepared = resample_linear(np.stack(channels), shape)
        return Prepared(
            np.ascontiguousarray(prepared),
            resampled_grid(grid, shape),
            image.grid,
            orientation,
            box,
            whole,
            (*image.notes, *said),
        )

    def apply_label(self, label: LabelMap, prepared: Prepared) -> NDArray[np.integer[Any]]:
        """Bring the label map of a prepared image onto its grid."""
        array = cut(reorient(label.array, prepared.orientation), prepared.box)
        classes = int(array.max(initial=0)) + 1
        return np.ascontiguousarray(resample_labels(array, prepared.grid.shape, classes))

    def undo(self, probabilities: NDArray[np.float32], prepared: Prepared) -> Probabilities:
        """Bring ``(K, *P)`` probabilities back onto the file's own grid."""
        self._check(probabilities, prepared)
        parts = [
            self._undo_channel(channel, prepared, k, len(probabilities))
            for k, channel in enumerate(probabilities)
        ]
        return Probabilities(np.stack(parts), prepared.native)

    def undo_labels(self, probabilities: NDArray[np.float32], prepared: Prepared) -> LabelMap:
        """Bring probabilities back and take the likeliest class, one class at a time.

        Equal to ``undo(...).to_labels()`` in less memory.
        """
        self._check(probabilities, prepared)
        if len(probabilities) == 1:
            return self.undo(probabilities, prepared).to_labels()
        kind = np.uint8 if len(probabilities) <= 256 else np.uint16
        best = self._undo_channel(probabilities[0], prepared, 0, len(probabilities))
        winner = np.zeros(best.shape, kind)
        for value in range(1, len(probabilities)):
            channel = self._undo_channel(probabilities[value], prepared, value, len(probabilities))
            better = channel > best
            best[better] = channel[better]
            winner[better] = value
        return LabelMap(winner, prepared.native)

    def prepared_shape(self, grid: Grid) -> tuple[int, ...]:
        """Return the shape after resampling of a (reoriented, cut) grid."""
        if self.resize is not None:
            shape = list(grid.shape)
            plane = [k for k in range(grid.ndim) if k != self.slice_axis]
            for axis, side in zip(plane, self.resize, strict=True):
                shape[axis] = side
            return tuple(shape)
        if self.spacing_mm is None:
            return grid.shape
        return tuple(
            max(1, round(side * old / new))
            for side, old, new in zip(grid.shape, grid.spacing_mm, self.spacing_mm, strict=True)
        )

    def _undo_channel(
        self, channel: NDArray[np.float32], prepared: Prepared, value: int, classes: int
    ) -> NDArray[np.float32]:
        back = resample_linear(channel[None], prepared.box_shape)[0]
        outside = 1.0 if value == 0 and classes > 1 else 0.0
        if prepared.box_shape != prepared.reoriented_shape:
            back = paste(back, prepared.box, prepared.reoriented_shape, outside)
        return np.ascontiguousarray(restore(back, prepared.orientation))

    def _check(self, probabilities: NDArray[np.float32], prepared: Prepared) -> None:
        if tuple(probabilities.shape[1:]) != prepared.grid.shape:
            raise ValueError(
                f"probabilities must have the prepared shape {prepared.grid.shape}, "
                f"got {tuple(probabilities.shape[1:])}"
            )


def plan_preprocessing(
    fingerprint: Fingerprint,
    *,
    spatial_dims: int | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    resize: tuple[int, int] | None = None,
    ct_window: tuple[float, float] | None = None,
) -> Plan:
    """Plan from a fingerprint; arguments replace what would be measured.

    Volumes: median spacing; where one axis is more than three times as coarse as the finest, its
    10th percentile (nnU-Net's rule). Nothing is resampled when all cases share one spacing.
    A 3D network, unless the median volume has fewer than 8 voxels along an axis.
    Plane images: of different sizes, resized to the median sides, rounded to multiples of 32, at
    most 256.
    Channels: ``CT`` in the name means clipping to the foreground's 0.5 and 99.5 percentiles (or
    ``ct_window`` in HU); others are normalised image by image.
    """
    dims = fingerprint.image_dims
    thin = dims == 3 and min(fingerprint.median_shape) < 8
    wanted = spatial_dims or (2 if dims == 2 or thin else 3)
    if spacing_mm is None and dims == 3:
        spacing_mm = _target_spacing(fingerprint)
    if resize is None and wanted == 2 and dims == 2 and len(set(fingerprint.shapes)) > 1:
        resize = _common_plane(fingerprint)
    plane_of_volume = wanted < dims
    spacing = spacing_mm or fingerprint.median_spacing_mm
    return Plan.model_validate(
        {
            "image_dims": dims,
            "spatial_dims": wanted,
            "slice_axis": _coarsest(spacing) if plane_of_volume else None,
            "orientation": "RAS" if dims == 3 else None,
            "spacing_mm": spacing_mm,
            "resize": resize,
            "crop": dims == 3,
            "channels": [_plan_channel(c, ct_window) for c in fingerprint.channels],
        }
    )


def _target_spacing(fingerprint: Fingerprint) -> tuple[float, ...] | None:
    spacings = np.array(fingerprint.spacings_mm)
    target = np.median(spacings, axis=0)
    coarse = int(target.argmax())
    if target.max() > 3 * target.min():
        target[coarse] = np.percentile(spacings[:, coarse], 10)
    if np.allclose(spacings, target, rtol=1e-3):
        return None
    return tuple(float(s) for s in target)


def _common_plane(fingerprint: Fingerprint) -> tuple[int, int]:
    sides = [
        min(_LARGEST_PLANE, max(32, 32 * round(side / 32))) for side in fingerprint.median_shape
    ]
    return sides[0], sides[1]


def _coarsest(spacing_mm: tuple[float, ...]) -> int:
    """The axis of the largest spacing; the last of equals, which is axial in RAS."""
    largest = max(spacing_mm)
    return max(k for k, s in enumerate(spacing_mm) if math.isclose(s, largest, rel_tol=1e-3))


def _plan_channel(statistics: Any, ct_window: tuple[float, float] | None) -> dict[str, Any]:
    if statistics.name.upper() != "CT":
        return {"name": statistics.name, "scheme": "zscore"}
    lower, upper = ct_window or (
        statistics.foreground_percentile_00_5,
        statistics.foreground_percentile_99_5,
    )
    return {
        "name": statistics.name,
        "scheme": "ct",
        "lower": lower,
        "upper": upper,
        "mean": min(max(statistics.foreground_mean, lower), upper),
        "sd": statistics.foreground_sd or 1.0,
    }
