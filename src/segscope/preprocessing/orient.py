"""Axis orders: bring a volume's axes closest to RAS+ and back, without touching a voxel."""

from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid

Orientation = tuple[tuple[int, int], ...]


def orientation_to_ras(grid: Grid) -> Orientation:
    """Say which array axis serves as R, A and S, and whether it is flipped.

    Returns:
        One ``(axis, sign)`` per new axis.

    Example:
        >>> affine = np.diag([1.0, -1.0, 1.0, 1.0])[[2, 1, 0, 3]]
        >>> orientation_to_ras(Grid((4, 5, 6), affine))
        ((2, 1), (1, -1), (0, 1))
    """
    found = nib.io_orientation(grid.affine)
    order = [int(np.flatnonzero(found[:, 0] == k)[0]) for k in range(3)]
    return tuple((axis, int(found[axis, 1])) for axis in order)


def reorient(array: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Permute and flip the last axes of ``(..., *S)``; a view, nothing is copied."""
    lead = array.ndim - len(orientation)
    moved = array.transpose(*range(lead), *(lead + axis for axis, _ in orientation))
    steps = tuple(slice(None, None, sign) for _, sign in orientation)
    window: Any = (..., *steps)
    return moved[window]


def restore(array: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Undo `reorient`."""
    lead = array.ndim - len(orientation)
    steps = tuple(slice(None, None, sign) for _, sign in orientation)
    back = np.argsort([axis for axis, _ in orientation])
    window: Any = (..., *steps)
    return array[window].transpose(*range(lead), *(lead + int(axis) for axis in back))


def reorient_grid(grid: Grid, orientation: Orientation) -> Grid:
    """Return the grid of the reoriented array: every voxel stays where it was in the world."""
    n = grid.ndim
    change = np.zeros((n + 1, n + 1))
    change[n, n] = 1
    for new, (axis, sign) in enumerate(orientation):
        change[axis, new] = sign
        if sign < 0:
            change[axis, n] = grid.shape[axis] - 1
    return Grid(tuple(grid.shape[axis] for axis, _ in orientation), grid.affine @ change)
