"""Into a template's frame and back: voxels of one grid are read at the places of another.

A registered image turns and moves, so axes no longer go along axes: one linear interpolation reads
the values where the other grid's voxels lie. Within half a voxel of the outermost centres the
outermost value goes on; further out is the surround.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images import Frame, Grid, Image
from segscope.preprocessing.crop import border_value
from segscope.preprocessing.resample import present_labels, resample, resampled_grid

_ROWS = 32  # that are made at a time
_EDGE = 0.5 + 1e-6  # of a voxel: the outer face, whatever the rounding
_SAME = 1e-3


def read_at(
    array: NDArray[Any],
    grid: Grid,
    target: Grid,
    matrix: NDArray[np.float64],
    *,
    outside: float = 0.0,
) -> NDArray[np.float32]:
    """Read an array at the voxels of another grid, linearly between its own.

    Args:
        array: ``(*S)``.
        grid: Of ``array``.
        target: Where values are wanted.
        matrix: From the target's world to the array's, in mm.
        outside: Value beyond the array's outer faces.

    Returns:
        ``(*T)``.

    Example:
        >>> half = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]])
        >>> line = Grid.from_spacing((3, 1))
        >>> read_at(np.array([[0.0], [4], [6]]), line, line, half, outside=-1).ravel().tolist()
        [2.0, 5.0, 6.0]
    """
    n, values = grid.ndim, array.astype(np.float32, copy=False)
    change = np.linalg.inv(grid.affine) @ matrix @ target.affine
    made = np.empty(target.shape, np.float32)
    for start in range(0, target.shape[0], _ROWS):
        rows = made[start : start + _ROWS]
        first = change[:n, n] + change[:n, 0] * start
        ndimage.affine_transform(
            values, change[:n, :n], first, output=rows, order=1, mode="nearest", prefilter=False
        )
        rows[~_within(change[:n, :n], first, rows.shape, grid.shape)] = outside
    return made


def into_frame(image: Image, target: Grid, frame: Frame, *, masks: Sequence[int] = ()) -> Image:
    """Bring an image onto a grid of its template's world, each channel with its own surround.

    An image with smaller voxels than the grid is shrunk along its own axes first, so that fine
    structures fade instead of flickering. Channels in ``masks`` stay 0 and 1: what is covered by
    half or more.

    Example:
        >>> image = Image(np.arange(6.0).reshape(1, 3, 2), Grid.from_spacing((3, 2)))
        >>> moved = Frame(image.grid, np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1.0]]))
        >>> into_frame(image, image.grid, moved).array[0].tolist()
        [[2.0, 3.0], [4.0, 5.0], [0.0, 0.0]]
    """
    shape = _coarse_enough(image.grid, target)
    grid = resampled_grid(image.grid, shape)
    made = np.empty((len(image.array), *target.shape), np.float32)
    for k, (out, channel) in enumerate(zip(made, image.array, strict=True)):
        values = channel != 0 if k in masks else channel
        outside = 0.0 if k in masks else border_value(channel)
        out[...] = read_at(resample(values, shape), grid, target, frame.to_image, outside=outside)
        if k in masks:
            out[...] = out >= 0.5
    return Image(made, target, image.notes, image.modality)


def labels_into_frame(
    labels: NDArray[np.integer[Any]], grid: Grid, target: Grid, frame: Frame
) -> NDArray[np.integer[Any]]:
    """Bring labels ``(*S)`` onto a grid of the template's world: the largest share wins.

    Background beyond the image; the smaller label wins a draw.
    """
    shape = _coarse_enough(grid, target)
    small = resampled_grid(grid, shape)
    most = np.zeros(target.shape, np.float32)
    winner = np.zeros(target.shape, labels.dtype)
    for value in present_labels(labels):
        share = resample(labels == value, shape)
        share = read_at(share, small, target, frame.to_image, outside=float(value == 0))
        more = share > most
        most[more] = share[more]
        winner[more] = value
    return winner


def _coarse_enough(grid: Grid, target: Grid) -> tuple[int, ...]:
    """Sides of an image whose voxels are no smaller than the target's smallest."""
    least = min(target.spacing_mm)
    return tuple(
        side if spacing >= least * (1 - _SAME) else max(1, round(side * spacing / least))
        for side, spacing in zip(grid.shape, grid.spacing_mm, strict=True)
    )


def _within(
    linear: NDArray[np.float64],
    first: NDArray[np.float64],
    shape: tuple[int, ...],
    sides: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Which voxels of a shape lie within the outer faces of an array with these sides."""
    inside = np.ones(shape, bool)
    for place, side in zip(_places(linear, first, shape), sides, strict=True):
        inside &= (place >= -_EDGE) & (place <= side - 1 + _EDGE)
    return inside


def _places(
    linear: NDArray[np.float64], first: NDArray[np.float64], shape: tuple[int, ...]
) -> Iterator[NDArray[np.float64]]:
    """Coordinates of all voxels along each axis of the array that is read."""
    steps = np.ogrid[tuple(slice(0, side) for side in shape)]
    for row, offset in zip(linear, first, strict=True):
        place = np.full(shape, offset)
        for weight, step in zip(row, steps, strict=True):
            place += weight * step
        yield place
