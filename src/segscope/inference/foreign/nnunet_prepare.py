"""Images as nnU-Net v2 prepares them, and the way back; every step in its order and its numbers.

Read: axes in reverse (z, y, x), planes as volumes of one slice. Then ``transpose_forward``; cut to
what is not zero, holes filled; normalise each channel; resample; pad to a window with zeros. Sums
of float32 depend on the order of memory, so arrays are laid out as nnU-Net has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap, Probabilities
from segscope.inference.foreign.nnunet_normalise import ChannelRule, normalised
from segscope.inference.foreign.nnunet_resample import Resampler, new_shape
from segscope.preprocessing import Shown, orientation_to_ras, reorient
from segscope.preprocessing.resample import present_labels

READERS = {
    "SimpleITKIO": (None, False),
    "SimpleITKIOWithReorient": (3, True),
    "NibabelIO": (3, False),
    "NibabelIOWithReorient": (3, True),
    "NaturalImage2DIO": (2, False),
}
"""nnU-Net's readers: dimensions of their images (None: both), and whether they turn to RAS."""

_FLAT = 999.0
"""Times a plane's largest spacing: what readers call the spacing between its slices."""

Orientation = tuple[tuple[int, int], ...]
Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class NnunetPrepared(Shown):
    """An image as the network is shown it.

    Args:
        orientation: Axes of the file that were read, and whether they were flipped.
        spacing: Of the image, in the network's order of axes.
        whole: Shape before cutting, in the network's order.
        box: What was cut out.
        inner: What of ``array`` is image, the rest is padding.
    """

    orientation: Orientation
    spacing: tuple[float, ...]
    whole: tuple[int, ...]
    box: Box
    inner: Box

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Shape after cutting."""
        return tuple(one.stop - one.start for one in self.box)


@dataclass(frozen=True)
class NnunetPreparer:
    """How nnU-Net brings images to its network, and back; a `Preparer`.

    Args:
        reader: One of `READERS`.
        transpose: Axes of the array (z, y, x) that are the network's.
        spacing: Of the configuration, transposed; two numbers leave the first axis alone.
        patch: Window of the network.
        channels: How each is normalised.
        data: Resamples images.
        scores: Resamples logits.
        ignore: Value of the ignore label, if any.
    """

    reader: str
    transpose: tuple[int, ...]
    spacing: tuple[float, ...]
    patch: tuple[int, ...]
    channels: tuple[ChannelRule, ...]
    data: Resampler
    scores: Resampler
    ignore: int | None = None

    @property
    def image_dims(self) -> int | None:
        """As the reader has it."""
        return READERS[self.reader][0]

    @property
    def spatial_dims(self) -> int:
        """Of the network."""
        return len(self.patch)

    @property
    def slice_axis(self) -> int | None:
        """A 2D network takes slices along the first axis."""
        return 0 if len(self.patch) == 2 else None

    def apply(self, image: Image) -> NnunetPrepared:
        """Prepare an image.

        Raises:
            InputError: Other dimensions than the reader's, or values that a rule refuses.
        """
        dims = self.image_dims
        if dims is not None and image.grid.ndim != dims:
            raise InputError(f"is {image.grid.ndim}D, the model is for {dims}D")
        orientation = self._orientation(image.grid)
        turned = self._forward(image.array, orientation)
        array = turned.astype(np.float32)  # a copy: it is normalised in place
        whole = array.shape[1:]
        spacing = self._spacing(image.grid, orientation)
        inside, box = _content(array)
        # a view, as sums over a compact copy would come out in other bits
        array, notes = array[(slice(None), *box)], list(image.notes)
        for number, rule in enumerate(self.channels):
            said = normalised(array[number], inside, rule)
            notes += [said] if said else []
        target = self._target(spacing)
        shape = new_shape(array.shape[1:], spacing, target)
        if min(shape) < 1:
            raise InputError(f"would have {shape} voxels at the model's spacing; check its spacing")
        array = self.data(array, shape, spacing, target)
        padded, inner = _padded(array, self.patch)
        return NnunetPrepared(
            array=padded,
            native=image.grid,
            notes=tuple(notes),
            orientation=orientation,
            spacing=spacing,
            whole=whole,
            box=box,
            inner=inner,
        )

    def apply_label(self, label: LabelMap, prepared: NnunetPrepared) -> NDArray[np.integer[Any]]:
        """Bring a label map onto a prepared image's voxels: each label by itself, linearly.

        Voxels of the ignore label count as background; padding does too.
        """
        if not prepared.native.matches(label.grid):
            raise ValueError("the label map does not lie on the image's grid")
        found = self._forward(label.array[None], prepared.orientation)[(slice(None), *prepared.box)]
        found = np.where(found == self.ignore, 0, found)
        shape = tuple(one.stop - one.start for one in prepared.inner)
        linear = Resampler("resample_data_or_seg_to_shape", order=1, separate=None)
        target = self._target(prepared.spacing)
        most, winner = np.zeros(shape), np.zeros(shape, np.uint16)
        for value in present_labels(found):
            one = (found == value).astype(np.float64)
            share = linear(one, shape, prepared.spacing, target)[0]
            more = share > most
            most[more], winner[more] = share[more], value
        whole = np.zeros(prepared.array.shape[1:], np.uint16)
        whole[prepared.inner] = winner
        return whole

    def undo(self, maps: NDArray[np.floating[Any]], prepared: NnunetPrepared) -> Probabilities:
        """Bring maps ``(K, *P)`` onto the file's grid, linearly."""
        linear = Resampler("resample_data_or_seg_to_shape", order=1, separate=None)
        inner = maps[(slice(None), *prepared.inner)].astype(np.float32)
        cut = linear(inner, prepared.box_shape, self._target(prepared.spacing), prepared.spacing)
        native = np.zeros((len(maps), *prepared.native.shape), np.float32)
        if len(maps) > 1:
            native[0] = 1
        self.put(native, cut, prepared)
        return Probabilities(native, prepared.native)

    def back(
        self, scores: NDArray[np.floating[Any]], prepared: NnunetPrepared
    ) -> NDArray[np.floating[Any]]:
        """Bring logits ``(K, *inner)`` to the shape of the cut image, in their kind of numbers."""
        shape, target = prepared.box_shape, self._target(prepared.spacing)
        return self.scores(scores, shape, target, prepared.spacing)

    def put(self, native: NDArray[Any], cut: NDArray[Any], prepared: NnunetPrepared) -> None:
        """Put ``(K, *cut)`` where it belongs in an array ``(K, *S)`` of the file."""
        self._forward(native, prepared.orientation, view=True)[(slice(None), *prepared.box)] = cut

    def _orientation(self, grid: Grid) -> Orientation:
        if READERS[self.reader][1]:
            return orientation_to_ras(grid)
        return tuple((axis, 1) for axis in range(grid.ndim))

    def _forward(
        self, array: NDArray[Any], orientation: Orientation, *, view: bool = False
    ) -> NDArray[Any]:
        """Turn ``(C, *S)`` of a file to ``(C, z, y, x)``, transposed; a view where asked.

        Else it is laid out in memory as (C, z, y, x).
        """
        turned = reorient(array, orientation)
        if len(orientation) == 2:  # a plane's rows come first already
            turned = turned[:, None]
        else:
            turned = turned.transpose(0, 3, 2, 1)
        if not view:
            turned = np.ascontiguousarray(turned)
        return turned.transpose(0, *(1 + axis for axis in self.transpose))

    def _spacing(self, grid: Grid, orientation: Orientation) -> tuple[float, ...]:
        sides = [grid.spacing_mm[axis] for axis, _ in orientation]
        if self.reader == "NaturalImage2DIO":
            found = [_FLAT, 1.0, 1.0]
        elif len(sides) == 2:
            found = [_FLAT * max(sides), *sides]
        else:
            found = sides[::-1]
        return tuple(found[axis] for axis in self.transpose)

    def _target(self, spacing: Sequence[float]) -> tuple[float, ...]:
        missing = len(spacing) - len(self.spacing)
        return (*spacing[:missing], *self.spacing)


def _content(array: NDArray[np.float32]) -> tuple[NDArray[np.bool_], Box]:
    """What is not zero in any channel, holes filled, and the box around it."""
    mask = array[0] != 0
    for channel in array[1:]:
        mask |= channel != 0
    mask = ndimage.binary_fill_holes(mask)
    found = ndimage.find_objects(mask.astype(np.uint8))
    box: Box = found[0] if found else tuple(slice(0, side) for side in mask.shape)
    return mask[box], box


def _padded(array: NDArray[np.float32], patch: Sequence[int]) -> tuple[NDArray[np.float32], Box]:
    """Pad the last axes with zeros to a window at least, the odd voxel behind; and where it lies."""
    free = array.ndim - 1 - len(patch)
    wanted = (*array.shape[1 : 1 + free], *patch)
    widths, inner = [], []
    for side, least in zip(array.shape[1:], wanted, strict=True):
        before = max(0, least - side) // 2
        widths.append((before, max(0, least - side) - before))
        inner.append(slice(before, before + side))
    return np.ascontiguousarray(np.pad(array, [(0, 0), *widths])), tuple(inner)
