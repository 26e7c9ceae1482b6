"""Boxes: what holds an image's content, and how to bring an array to a shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid

Box = tuple[tuple[int, int], ...]


def content_box(array: NDArray[Any]) -> Box:
    """Find the smallest box outside of which every channel holds its corner value.

    Args:
        array: ``(C, *S)``.

    Returns:
        ``(start, stop)`` per axis; the whole array where it is constant.

    Example:
        >>> content_box(np.array([[0, 0, 5, 0, 7, 0]]))
        ((2, 5),)
    """
    corner = array.reshape(len(array), -1)[:, 0].reshape(-1, *([1] * (array.ndim - 1)))
    content = (array != corner).any(0)
    if not content.any():
        return tuple((0, side) for side in content.shape)
    box = []
    for axis in range(content.ndim):
        others = tuple(k for k in range(content.ndim) if k != axis)
        hit = np.flatnonzero(content.any(others))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)


def cut(array: NDArray[Any], box: Box) -> NDArray[Any]:
    """Take a box out of the last axes; a view."""
    window: Any = (..., *(slice(start, stop) for start, stop in box))
    return array[window]


def paste(array: NDArray[Any], box: Box, shape: Sequence[int], fill: float = 0) -> NDArray[Any]:
    """Undo `cut`: put the box back into a larger array of ``fill``."""
    lead = array.shape[: array.ndim - len(shape)]
    whole = np.full((*lead, *shape), fill, array.dtype)
    window: Any = (..., *(slice(start, stop) for start, stop in box))
    whole[window] = array
    return whole


def cut_grid(grid: Grid, box: Box) -> Grid:
    """Return the grid of the box."""
    affine = grid.affine.copy()
    affine[: grid.ndim, grid.ndim] = grid.to_world([start for start, _ in box])
    return Grid(tuple(stop - start for start, stop in box), affine)
