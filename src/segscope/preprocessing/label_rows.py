"""Labels on a file's own grid from probabilities that arrive some rows at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import LabelMap
from segscope.preprocessing.crop import crop_or_pad, cut
from segscope.preprocessing.orient import reorient
from segscope.preprocessing.plan import Prepared
from segscope.preprocessing.resample import RowBlender, resample


class LabelRows:
    """Brings probabilities back and takes the likeliest class, some rows at a time.

    Equal to `Plan.undo_labels` but for rounding, while all classes are only held for the rows that
    a new row depends on.

    Args:
        prepared: What `Plan.apply` returned for the image.
        axis: Of the prepared image, along which rows arrive.

    Example:
        >>> from segscope.images import Grid, Image
        >>> from segscope.preprocessing import ChannelPlan, Plan
        >>> plan = Plan(image_dims=2, spatial_dims=2, channels=(ChannelPlan(name="US"),))
        >>> image = Image(np.zeros((1, 2, 1)), Grid.from_spacing((2, 1)))
        >>> rows = LabelRows(plan.apply(image), axis=0)
        >>> for one in (0.2, 0.9):
        ...     rows.add(np.array([[[1 - one]], [[one]]], np.float32))
        >>> rows.label().array.tolist()
        [[0], [1]]
    """

    def __init__(self, prepared: Prepared, axis: int) -> None:
        self._prepared, self._axis = prepared, axis
        self._old = prepared.resampled_shape[axis]
        nearest = axis == prepared.nearest_axis
        self._blender = RowBlender(self._old, prepared.box_shape[axis], nearest=nearest)
        self._inner = [n for a, n in enumerate(prepared.box_shape) if a != axis]
        self._seen = 0
        self._label: NDArray[np.integer[Any]] | None = None
        # padded along the axis: one piece, as rare as small
        self._whole = prepared.grid.shape[axis] != self._old
        self._pieces: list[NDArray[np.floating[Any]]] = []

    def add(self, slab: NDArray[np.floating[Any]]) -> None:
        """Take the next rows ``(K, *P)``; one sigmoid channel, or background first."""
        if self._whole:
            self._pieces.append(slab)
        else:
            self._put(slab)

    def label(self) -> LabelMap:
        """Return the label map when all rows have come.

        Raises:
            ValueError: The slabs do not add up to the prepared image.
        """
        if self._pieces:
            joined = np.concatenate(self._pieces, 1 + self._axis)
            self._put(crop_or_pad(joined, self._kept(self._old)))
        if self._label is None or self._seen != self._old:
            raise ValueError(f"slabs: {self._seen} rows, the prepared image has {self._old}")
        return LabelMap(self._label, self._prepared.native)

    def _put(self, slab: NDArray[np.floating[Any]]) -> None:
        prepared, axis = self._prepared, self._axis
        if self._label is None:
            kind = np.uint8 if len(slab) <= 256 else np.uint16
            self._label = np.zeros(prepared.native.shape, kind)
        place = cut(reorient(self._label, prepared.orientation), prepared.box)
        count = slab.shape[1 + axis]
        self._seen += count
        whole = crop_or_pad(slab, self._kept(count))
        for at, rows in self._blender.feed(np.moveaxis(whole, 1 + axis, 0)):
            winner = _likeliest(rows, self._inner, _without(prepared.nearest_axis, axis))
            np.moveaxis(place, axis, 0)[at : at + len(rows)] = winner

    def _kept(self, rows: int) -> tuple[int, ...]:
        """Sides of what is kept of a slab: the padding of ``fit`` goes."""
        sides = self._prepared.resampled_shape
        return tuple(rows if a == self._axis else n for a, n in enumerate(sides))


def _likeliest(
    rows: NDArray[np.float32], inner: Sequence[int], nearest_axis: int | None
) -> NDArray[np.integer[Any]]:
    """Likeliest class of rows ``(n, K, *s)``, brought to the sides ``inner``, class by class."""
    n, classes = rows.shape[:2]

    def brought(value: int) -> NDArray[np.float32]:
        return resample(rows[:, value], inner, nearest_axis=nearest_axis)

    best = brought(0)
    if classes == 1:
        return (best > 0.5).astype(np.uint8)
    winner = np.zeros((n, *inner), np.uint16)
    for value in range(1, classes):
        channel = brought(value)
        winner[channel > best] = value
        best = np.maximum(best, channel)
    return winner


def _without(axis: int | None, gone: int) -> int | None:
    """Number of an axis after another one was taken away."""
    if axis is None or axis == gone:
        return None
    return axis - (axis > gone)
