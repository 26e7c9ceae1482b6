"""Boxes: what holds an image's content, and how to bring an array to a shape."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid
from segscope.images.components import bounding_box

Box = tuple[tuple[int, int], ...]

_WHOLE = 1e-6  # of a voxel: as much is missing where spacings were rounded


def border_value(channel: NDArray[Any]) -> float:
    """Return the most common value on the outer faces of ``(*S)``: what surrounds the content.

    The smallest of equally common ones.

    Example:
        >>> border_value(np.array([[3, 0, 0], [0, 9, 0], [0, 0, 3]]))
        0.0
    """
    faces = [channel.take(end, axis).ravel() for axis in range(channel.ndim) for end in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    return float(values[counts.argmax()])


def content_box(array: NDArray[Any]) -> Box:
    """Find the smallest box outside of which every channel holds its border value.

    Args:
        array: ``(C, *S)``.

    Returns:
        ``(start, stop)`` per axis; the whole array where it is constant.

    Example:
        >>> content_box(np.array([[0, 0, 5, 0, 7, 0]]))
        ((2, 5),)
    """
    content = np.zeros(array.shape[1:], bool)
    for channel in array:
        content |= channel != border_value(channel)
    box = bounding_box(content)
    if box is None:
        return tuple((0, length) for length in array.shape[1:])
    return tuple((int(span.start), int(span.stop)) for span in box)


def middle_box(box: Box, spacing_mm: Sequence[float], size_mm: Sequence[float]) -> Box:
    """Keep of a box what lies within a size around its middle, in whole voxels.

    Example:
        >>> middle_box(((0, 10), (2, 6)), (2.0, 1.0), (9.0, 50.0))
        ((3, 7), (2, 6))
    """
    kept = []
    for (start, stop), spacing, size in zip(box, spacing_mm, size_mm, strict=True):
        side = min(stop - start, max(1, math.floor(size / spacing + _WHOLE)))
        first = start + (stop - start - side) // 2
        kept.append((first, first + side))
    return tuple(kept)


def cut(array: NDArray[Any], box: Box) -> NDArray[Any]:
    """Take a box out of the last axes; a view.

    Example:
        >>> cut(np.arange(10), ((2, 5),)).tolist()
        [2, 3, 4]
    """
    window: Any = (..., *(slice(start, stop) for start, stop in box))
    return array[window]


def cut_grid(grid: Grid, box: Box) -> Grid:
    """Return the grid of a box; it may reach beyond the grid (negative start).

    Example:
        >>> cut_grid(Grid.from_spacing((10,), (2.0,)), ((3, 5),)).to_world([0]).tolist()
        [6.0]
    """
    affine = grid.affine.copy()
    affine[: grid.ndim, grid.ndim] = grid.to_world([start for start, _ in box])
    return Grid(tuple(stop - start for start, stop in box), affine)


def centred_box(old: Sequence[int], new: Sequence[int]) -> Box:
    """Place a shape in the middle of another one: smaller inside it, larger around it.

    Odd differences leave the extra voxel at the end, so the way back finds the same place.

    Example:
        >>> centred_box((10, 4), (5, 7))
        ((2, 7), (-1, 6))
    """
    starts = [(a - b) // 2 if a > b else -((b - a) // 2) for a, b in zip(old, new, strict=True)]
    return tuple((start, start + side) for start, side in zip(starts, new, strict=True))


def crop_or_pad(array: NDArray[Any], shape: Sequence[int], *, fill: float = 0) -> NDArray[Any]:
    """Bring the last axes of ``(..., *S)`` to ``shape`` around the middle.

    Its own inverse: ``crop_or_pad(crop_or_pad(x, shape), x.shape)`` has every voxel of ``x`` that
    was not cropped in its old place. The same array when there is nothing to do.

    Example:
        >>> crop_or_pad(np.array([1, 2, 3]), (6,)).tolist()
        [0, 1, 2, 3, 0, 0]
        >>> crop_or_pad(np.array([0, 1, 2, 3, 0, 0]), (3,)).tolist()
        [1, 2, 3]
    """
    lead = array.ndim - len(shape)
    old = array.shape[lead:]
    if tuple(shape) == old:
        return array
    box = centred_box(old, shape)
    inside = tuple((max(a, 0), min(b, side)) for (a, b), side in zip(box, old, strict=True))
    kept = cut(array, inside)
    if kept.shape[lead:] == tuple(shape):
        return kept
    whole = np.full((*array.shape[:lead], *shape), fill, array.dtype)
    place = tuple((a - c, b - c) for (a, b), (c, _) in zip(inside, box, strict=True))
    cut(whole, place)[...] = kept
    return whole
