"""Resampling along the axes: separable, with voxel *edges* of the volume kept in place.

A side of n voxels of width w becomes one of m voxels of width n w / m: the outer faces stay, voxel
centres move (``align_corners=False`` of torch, ``grid_mode=True`` of scipy). Linear interpolation,
nearest at the border; probabilities and one-hot labels are resampled alike, so that a label comes
back as the class with the largest share.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segscope.images import Grid

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def resample_linear(array: NDArray[Any], shape: Sequence[int]) -> NDArray[np.float32]:
    """Resample ``(C, *S)`` to ``(C, *shape)``.

    Shrinking averages over the voxels that fall together (a triangle filter, in the plane), so
    that fine structures fade instead of flickering.

    Example:
        >>> resample_linear(np.array([[0.0, 1.0]]), (4,)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    if tuple(array.shape[1:]) == tuple(shape):
        return array.astype(np.float32, copy=False)
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None]
    dims = len(shape)
    smaller = any(new < old for new, old in zip(shape, array.shape[1:], strict=True))
    resized = functional.interpolate(
        tensor,
        size=tuple(shape),
        mode=_MODES[dims],
        align_corners=False,
        antialias=smaller and dims == 2,  # torch has it for planes only
    )
    result: NDArray[np.float32] = resized[0].numpy()
    return result


def resample_labels(
    labels: NDArray[np.integer[Any]], shape: Sequence[int], classes: int
) -> NDArray[np.integer[Any]]:
    """Resample ``(*S)`` labels to ``shape``: per voxel the class with the largest share.

    Classes are resampled one after the other, so memory does not grow with their number.

    Example:
        >>> resample_labels(np.array([0, 0, 2]), (6,), 3).tolist()
        [0, 0, 0, 0, 2, 2]
    """
    if tuple(labels.shape) == tuple(shape):
        return labels
    best = np.zeros(tuple(shape), np.float32)
    winner = np.zeros(tuple(shape), labels.dtype)
    for value in range(classes):
        share = resample_linear((labels == value)[None], shape)[0]
        better = share > best
        best[better] = share[better]
        winner[better] = value
    return winner


def resampled_grid(grid: Grid, shape: Sequence[int]) -> Grid:
    """Return the grid of a resampled array: same outer faces, other voxels."""
    n = grid.ndim
    scale = np.array(grid.shape) / np.array(shape)
    change = np.eye(n + 1)
    change[:n, :n] = np.diag(scale)
    change[:n, n] = (scale - 1) / 2  # centre of the first new voxel in old indices
    return Grid(tuple(shape), grid.affine @ change)
