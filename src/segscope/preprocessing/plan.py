"""The preprocessing plan: measured once per dataset, applied forward, undone exactly.

Forward: orientation (closest to RAS+) -> crop to content, to the middle -> normalise each channel
-> resample (to a spacing, or to a fixed shape in the plane). Back: probabilities are resampled to
the crop's shape, put into background, and turned to the file's own axes. Where nothing is
resampled, the way back is exact to the bit.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from segscope.errors import InputError
from segscope.images import Frame, Grid, Image, LabelMap, Probabilities
from segscope.preprocessing.crop import (
    Box,
    centred_box,
    content_box,
    crop_or_pad,
    cut,
    cut_grid,
    middle_box,
)
from segscope.preprocessing.frame import into_frame, labels_into_frame, read_at
from segscope.preprocessing.normalise import ChannelPlan, normalise
from segscope.preprocessing.orient import Orientation, orientation_to_ras, reorient, reorient_grid
from segscope.preprocessing.preparer import Shown
from segscope.preprocessing.resample import resample, resample_labels, resampled_grid
from segscope.preprocessing.size import check_size, shrunk

_SAME_SPACING = 1e-3  # relative: closer than this is the same
_SPACINGS = 1e-7, 1e6  # mm: from below an atom to a kilometre; others are damaged numbers
_LARGEST_SIDE = 1 << 16
ANISOTROPIC = 3.0  # nnU-Net's threshold between the coarsest and the finest axis


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared(Shown):
    """An image as the network sees it, and what is needed to go back.

    Args:
        array: ``(C, *P)`` float32, contiguous.
        grid: Of ``array``; voxels of the same world position show the same tissue as the file's.
        native: Grid of the file.
        orientation: Axes of the file that serve as axes of ``array``.
        box: What was cut out, in reoriented voxels.
        reoriented_shape: Before cutting.
        resampled_shape: After resampling, before padding to a fixed shape.
        nearest_axis: Of ``array``; not blended when resampling.
        notes: Of the image, and what preparing it added.
        frame: Of the template in whose world ``grid`` lies, its grid as ``array`` was first read;
            None where ``grid`` lies in the file's own world. Orientation and box are then of it.
    """

    grid: Grid
    orientation: Orientation
    box: Box
    reoriented_shape: tuple[int, ...]
    resampled_shape: tuple[int, ...]
    nearest_axis: int | None = None
    frame: Frame | None = None

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Shape of the crop before resampling."""
        return tuple(stop - start for start, stop in self.box)


class Plan(BaseModel):
    """Everything that happens to an image before the network and after it.

    Args:
        image_dims: 2 for plane images, 3 for volumes.
        spatial_dims: Of the network; 2 with volumes means slice by slice.
        slice_axis: Axis of the reoriented volume that slices are taken along; never resampled.
        orientation: ``RAS`` for volumes (the closest axis order), None leaves the file's axes.
        spacing_mm: Target spacing of the reoriented image; None leaves it.
        resize: Target shape in the plane (of each slice, for volumes); None leaves it.
        resize_mode: ``stretch`` fills ``resize`` whatever the aspect; ``fit`` keeps the aspect and
            pads with 0, around the middle.
        crop: Cut to what differs from the border's most common value, before resampling.
        crop_mm: Cut to this size around the middle, the same place of every image; what lies beyond
            is background. Not written where nothing is cut.
        frame: ``template``: the image is brought onto the grid of the template that it was
            registered to, at ``spacing_mm`` or ``resize``, before it is cut; predictions are
            brought back. Not written where it is ``own``.
        interpolation: Of the image's channels; labels and probabilities are always linear.
        through_plane: ``nearest`` takes voxels over, unblended, along an axis that is more than
            three times as coarse as the finest, in the image or in ``spacing_mm``.
        channels: One per channel.

    Example:
        >>> plan = Plan(image_dims=2, spatial_dims=2, channels=(ChannelPlan(name="US"),))
        >>> image = Image(np.arange(6.0).reshape(1, 2, 3), Grid.from_spacing((2, 3)))
        >>> prepared = plan.apply(image)
        >>> prepared.array.shape, round(float(prepared.array.std()), 3)
        ((1, 2, 3), 1.0)
        >>> plan.undo(prepared.array, prepared).grid.shape
        (2, 3)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_dims: Literal[2, 3]
    spatial_dims: Literal[2, 3]
    slice_axis: Literal[0, 1, 2] | None = None
    orientation: Literal["RAS"] | None = None
    spacing_mm: tuple[float, ...] | None = None
    resize: tuple[int, ...] | None = None
    resize_mode: Literal["stretch", "fit"] = "stretch"
    crop: bool = False
    crop_mm: tuple[float, ...] | None = Field(default=None, exclude_if=lambda size: size is None)
    frame: Literal["own", "template"] = Field(
        default="own", exclude_if=lambda frame: frame == "own"
    )
    interpolation: Literal["linear", "cubic"] = "linear"
    through_plane: Literal["blend", "nearest"] = "blend"
    channels: tuple[ChannelPlan, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _dimensions_agree(self) -> "Plan":
        if self.spatial_dims > self.image_dims:
            raise ValueError("plane images cannot train a 3D network")
        if (self.slice_axis is not None) != (self.spatial_dims < self.image_dims):
            raise ValueError("slice_axis is for volumes that train a 2D network, and needed there")
        if self.orientation is not None and self.image_dims != 3:
            raise ValueError("orientation is for volumes; plane images keep their axes")
        return self

    @model_validator(mode="after")
    def _sizes_agree(self) -> "Plan":
        spacing = self.spacing_mm
        if spacing is not None and (len(spacing) != self.image_dims or min(spacing) <= 0):
            raise ValueError(f"spacing_mm: {self.image_dims} positive numbers, got {spacing}")
        finest, coarsest = _SPACINGS
        if spacing is not None and not finest <= min(spacing) <= max(spacing) <= coarsest:
            raise ValueError(f"spacing_mm: {finest:g} to {coarsest:g} mm are possible: {spacing}")
        size = self.crop_mm
        if size is not None and (len(size) != self.image_dims or min(size) <= 0):
            raise ValueError(f"crop_mm: {self.image_dims} positive numbers, got {size}")
        if self.resize is None:
            return self
        if max(self.resize) > _LARGEST_SIDE:
            raise ValueError(f"resize: sides up to {_LARGEST_SIDE} are possible, got {self.resize}")
        if len(self.resize) != 2 or min(self.resize) < 1:
            raise ValueError(f"resize: two positive numbers expected, got {self.resize}")
        if self.spatial_dims != 2:
            raise ValueError("resize is for 2D networks; volumes have spacing_mm")
        if self.spacing_mm is not None:
            raise ValueError("resize and spacing_mm exclude each other: leave one of them null")
        return self

    def apply(self, image: Image) -> Prepared:
        """Prepare an image.

        Raises:
            ValueError: The image has other channels or dimensions than the plan.
            InputError: Values that float32 does not hold; a spacing so far from the plan's that the
                image would become many times larger. (The message has no file's name, see
                `segscope.errors.naming`.)
        """
        if len(image.array) != len(self.channels) or image.grid.ndim != self.image_dims:
            raise ValueError(
                f"the plan is for {len(self.channels)} channels in {self.image_dims}D, "
                f"got {len(image.array)} in {image.grid.ndim}D"
            )
        native, frame = image.grid, None
        if self.frame == "template":
            frame = self._frame_of(image)
            masks = [k for k, channel in enumerate(self.channels) if channel.scheme == "mask"]
            image = into_frame(image, frame.grid, frame, masks=masks)
        orientation: Orientation = tuple((axis, 1) for axis in range(image.grid.ndim))
        if self.orientation is not None:
            orientation = orientation_to_ras(image.grid)
        array = reorient(image.array, orientation)
        whole = reorient_grid(image.grid, orientation)
        box, cut_off = self._box(array, whole)
        array, grid = cut(array, box), cut_grid(whole, box)
        inner, shape = self.resampled_shape(grid), self.prepared_shape(grid)
        if self.spacing_mm is not None:
            check_size(grid, inner, self.spacing_mm)
        nearest_axis = self._nearest_axis(grid)
        prepared = np.empty((len(array), *shape), np.float32)
        notes = [*image.notes, *cut_off, *shrunk(grid, inner, self.spacing_mm)]
        # one channel after the other, so that one float copy exists at a time; normalised before
        # resampling, as nnU-Net does: the statistics are those of measured voxels
        for out, channel, plan in zip(prepared, array, self.channels, strict=True):
            try:
                values, note = normalise(channel, plan)
            except ValueError as error:
                raise InputError(f"{error}; look at it with segscope data inspect") from None
            notes += [note] if note else []
            mask = plan.scheme == "mask"
            kind = "linear" if mask else self.interpolation
            values = resample(values, inner, kind=kind, nearest_axis=nearest_axis)
            out[...] = crop_or_pad(values >= 0.5 if mask else values, shape)
            del values
        return Prepared(
            array=prepared,
            grid=cut_grid(resampled_grid(grid, inner), centred_box(inner, shape)),
            native=native,
            orientation=orientation,
            box=box,
            reoriented_shape=whole.shape,
            resampled_shape=inner,
            nearest_axis=nearest_axis,
            notes=tuple(notes),
            frame=frame,
        )

    def apply_label(self, label: LabelMap, prepared: Prepared) -> NDArray[np.integer[Any]]:
        """Bring the label map of a prepared image onto its grid.

        Labels outside the content box (where the image holds nothing) are cut off with it.

        Returns:
            ``(*P)`` uint8, or uint16 for labels above 255.

        Raises:
            ValueError: The label map does not lie on the image's grid.
        """
        apart = prepared.native.displacement_mm(label.grid)
        if not prepared.native.matches(label.grid):
            raise ValueError(
                f"the label map does not lie on the image's grid: shape {label.grid.shape} for "
                f"{prepared.native.shape}, corners {apart:.3g} mm apart"
            )
        array = label.array
        if prepared.frame is not None:
            array = labels_into_frame(array, label.grid, prepared.frame.grid, prepared.frame)
        array = cut(reorient(array, prepared.orientation), prepared.box)
        kind = np.uint8 if array.max(initial=0) < 256 else np.uint16
        resampled = resample_labels(
            array, prepared.resampled_shape, nearest_axis=prepared.nearest_axis
        )
        whole = crop_or_pad(resampled, prepared.grid.shape)
        return np.ascontiguousarray(whole, dtype=kind)

    def undo(self, probabilities: NDArray[np.floating[Any]], prepared: Prepared) -> Probabilities:
        """Bring probabilities back onto the file's own grid.

        Args:
            probabilities: ``(K, *P)``; one sigmoid channel, or background first.
            prepared: What `apply` returned for the image.

        Returns:
            ``(K, *S)`` float32; outside the content box background is certain.
        """
        self._check(probabilities, prepared)
        native = np.empty((len(probabilities), *prepared.native.shape), np.float32)
        for k, (out, channel) in enumerate(zip(native, probabilities, strict=True)):
            _put_back(out, channel, prepared, _outside(k, len(probabilities)))
        return Probabilities(native, prepared.native)

    def undo_labels(self, probabilities: NDArray[np.floating[Any]], prepared: Prepared) -> LabelMap:
        """Bring probabilities back and take the likeliest class, one class at a time.

        Equal to ``undo(...).to_labels()``, with two classes on the file's grid at any time.
        """
        self._check(probabilities, prepared)
        classes = len(probabilities)
        if classes == 1:
            return self.undo(probabilities, prepared).to_labels()
        best, channel = np.empty((2, *prepared.native.shape), np.float32)
        _put_back(best, probabilities[0], prepared, _outside(0, classes))
        winner = np.zeros(best.shape, np.uint8 if classes <= 256 else np.uint16)
        for value in range(1, classes):
            _put_back(channel, probabilities[value], prepared, _outside(value, classes))
            winner[channel > best] = value
            np.maximum(best, channel, out=best)
        return LabelMap(winner, prepared.native)

    def prepared_shape(self, grid: Grid) -> tuple[int, ...]:
        """Return the network's shape for a (reoriented, cut) grid, padding of ``fit`` included."""
        if self.resize is None:
            return self.resampled_shape(grid)
        return self._in_plane(grid, self.resize)

    def resampled_shape(self, grid: Grid) -> tuple[int, ...]:
        """Return the shape of a (reoriented, cut) grid after resampling, before padding."""
        if self.resize is not None:
            return self._in_plane(grid, self._resized_plane(grid, self.resize))
        if self.spacing_mm is None:
            return grid.shape
        sides = []
        for axis, (side, old, new) in enumerate(
            zip(grid.shape, grid.spacing_mm, self.spacing_mm, strict=True)
        ):
            kept = axis == self.slice_axis or abs(old / new - 1) <= _SAME_SPACING
            sides.append(side if kept else max(1, round(side * old / new)))
        return tuple(sides)

    def _frame_of(self, image: Image) -> Frame:
        """The template's frame, its grid as fine as the plan wants it."""
        if image.frame is None:
            raise InputError(
                "was not registered to the template that this network wants; run it through "
                "segscope, or train with mask.frame own"
            )
        grid = image.frame.grid
        if self.orientation is not None:
            grid = reorient_grid(grid, orientation_to_ras(grid))
        return replace(image.frame, grid=resampled_grid(grid, self.resampled_shape(grid)))

    def _box(self, array: NDArray[Any], grid: Grid) -> tuple[Box, list[str]]:
        """What is kept of a reoriented image, and a note where that is its middle only."""
        box = content_box(array) if self.crop else tuple((0, side) for side in grid.shape)
        if self.crop_mm is None:
            return box, []
        kept = middle_box(box, grid.spacing_mm, self.crop_mm)
        size = " x ".join(f"{side:.4g}" for side in self.crop_mm)
        said = f"cut to its middle, {size} mm; background is predicted beyond it"
        return kept, [] if kept == box else [said]

    def _plane(self) -> list[int]:
        return [axis for axis in range(self.image_dims) if axis != self.slice_axis]

    def _in_plane(self, grid: Grid, sides: tuple[int, ...]) -> tuple[int, ...]:
        shape = list(grid.shape)
        for axis, side in zip(self._plane(), sides, strict=True):
            shape[axis] = side
        return tuple(shape)

    def _resized_plane(self, grid: Grid, resize: tuple[int, ...]) -> tuple[int, ...]:
        if self.resize_mode == "stretch":
            return resize
        lengths = [grid.shape[axis] * grid.spacing_mm[axis] for axis in self._plane()]
        scale = min(side / length for side, length in zip(resize, lengths, strict=True))
        return tuple(max(1, round(length * scale)) for length in lengths)

    def _nearest_axis(self, grid: Grid) -> int | None:
        if self.through_plane != "nearest" or self.spacing_mm is None:
            return None
        for spacing in (grid.spacing_mm, self.spacing_mm):
            if max(spacing) > ANISOTROPIC * min(spacing):
                return int(np.argmax(spacing))
        return None

    def _check(self, probabilities: NDArray[Any], prepared: Prepared) -> None:
        if tuple(probabilities.shape[1:]) != prepared.grid.shape or not len(probabilities):
            raise ValueError(
                "probabilities must have one channel or more of the prepared shape "
                f"{prepared.grid.shape}, got {tuple(probabilities.shape)}"
            )


def _put_back(
    out: NDArray[np.float32], channel: NDArray[Any], prepared: Prepared, outside: float
) -> None:
    """Write one channel ``(*P)`` into its place on the file's grid, ``outside`` around it."""
    inner = crop_or_pad(channel, prepared.resampled_shape)
    if prepared.frame is not None:
        grid = cut_grid(prepared.grid, centred_box(prepared.grid.shape, inner.shape))
        back = prepared.frame.to_template
        out[...] = read_at(inner, grid, prepared.native, back, outside=outside)
        return
    out.fill(outside)
    # a view of `out` in the prepared axes: writing through it turns and pastes at once
    place = cut(reorient(out, prepared.orientation), prepared.box)
    place[...] = resample(inner, prepared.box_shape, nearest_axis=prepared.nearest_axis)


def _outside(value: int, classes: int) -> float:
    """Probability of a class where the image was cut off: background for certain."""
    return 1.0 if value == 0 and classes > 1 else 0.0
