"""Resampling along the axes: separable, with voxel *edges* of the volume kept in place.

A side of n voxels of width w becomes one of m voxels of width n w / m: the outer faces stay, voxel
centres move (``align_corners=False`` of torch, ``grid_mode=True`` of scipy). Beyond the faces the
outermost voxel goes on. Every kind comes down to a few neighbours ("taps") and their weights per
new voxel, axis after axis:

    nearest   1 tap
    linear    2 taps; when shrinking a triangle as wide as two new voxels, so that fine structures
              fade instead of flickering (torch's ``antialias=True``, here in 3D as well)
    cubic     4 taps on B-spline coefficients, as scipy's order 3 with mode "nearest"; it may
              overshoot, and does not average when shrinking (nnU-Net's way)

Numpy only: as fast as torch's interpolation on two cores, and right to rounding where torch, whose
coordinates are float32, is not.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images import Grid

Kind = Literal["nearest", "linear", "cubic"]

_ROWS = 16  # that are made at a time
_SPLINE_MARGIN = 12  # voxels after which the border's influence on a spline is below float32


def resample(
    array: NDArray[Any],
    shape: Sequence[int],
    *,
    kind: Kind = "linear",
    nearest_axis: int | None = None,
) -> NDArray[np.float32]:
    """Resample the last axes of ``(..., *S)`` to ``(..., *shape)``, each one from edge to edge.

    Args:
        array: Any real numbers.
        shape: New number of voxels along each of the last ``len(shape)`` axes.
        kind: Of interpolation, see the module.
        nearest_axis: Of ``shape``; an axis whose voxels are taken over rather than blended.

    Returns:
        float32, contiguous; the array itself when that is what it is already.

    Example:
        >>> resample(np.array([0.0, 1.0]), (4,)).tolist()
        [0.0, 0.25, 0.75, 1.0]
        >>> resample(np.array([0.0, 1.0, 2.0, 5.0]), (2,), kind="nearest").tolist()
        [1.0, 5.0]
    """
    lead = array.ndim - len(shape)
    if lead < 0 or min(shape) < 1:
        raise ValueError(f"an array of shape {array.shape} cannot take the shape {tuple(shape)}")
    values = array.astype(np.float32, copy=False)
    axes = [k for k, side in enumerate(shape) if side != array.shape[lead + k]]
    # what shrinks goes first: less work for the others
    for axis in sorted(axes, key=lambda k: shape[k] / array.shape[lead + k]):
        how = "nearest" if axis == nearest_axis else kind
        values = _resample_axis(values, lead + axis, shape[axis], how)
    return np.ascontiguousarray(values)


def resample_labels(
    labels: NDArray[np.integer[Any]], shape: Sequence[int], *, nearest_axis: int | None = None
) -> NDArray[np.integer[Any]]:
    """Resample ``(*S)`` labels to ``shape``: per voxel the label with the largest share.

    Equal to the likeliest class of linearly resampled one-hot labels; the smaller label wins a
    draw. One label after the other, so memory does not grow with their number.

    Example:
        >>> resample_labels(np.array([0, 0, 7]), (6,)).tolist()
        [0, 0, 0, 0, 7, 7]
    """
    if tuple(labels.shape) == tuple(shape):
        return labels
    most = np.zeros(tuple(shape), np.float32)
    winner = np.zeros(tuple(shape), labels.dtype)
    for value in present_labels(labels):
        share = resample(labels == value, shape, nearest_axis=nearest_axis)
        more = share > most
        most[more] = share[more]
        winner[more] = value
    return winner


def present_labels(labels: NDArray[np.integer[Any]]) -> list[int]:
    """List the labels that occur, in rising order (no sorting of voxels, unlike `numpy.unique`).

    Example:
        >>> present_labels(np.array([[4, 0], [0, 2]]))
        [0, 2, 4]
    """
    seen = np.zeros(int(labels.max(initial=0)) + 1, bool)
    seen[labels] = True
    return [int(value) for value in np.flatnonzero(seen)]


def resampled_grid(grid: Grid, shape: Sequence[int]) -> Grid:
    """Return the grid of a resampled array: same outer faces, other voxels.

    Example:
        >>> fine = resampled_grid(Grid.from_spacing((4, 4), (3.0, 1.0)), (12, 4))
        >>> fine.spacing_mm, fine.to_world([0, 0]).tolist()
        ((1.0, 1.0), [-1.0, 0.0])
    """
    n = grid.ndim
    scale = np.array(grid.shape) / np.array(shape)
    change = np.eye(n + 1)
    change[:n, :n] = np.diag(scale)
    change[:n, n] = (scale - 1) / 2  # centre of the first new voxel in old indices
    return Grid(tuple(shape), grid.affine @ change)


class RowBlender:
    """Resample along the first axis as rows arrive; the same weights as `resample`.

    Args:
        old: Number of rows that will arrive.
        new: Number that they become.
        nearest: Take rows over rather than blend them.

    Example:
        >>> blender = RowBlender(2, 4)
        >>> parts = [r for row in ([[0.0]], [[1.0]]) for r in blender.feed(np.array(row))]
        >>> [(first, rows[:, 0].tolist()) for first, rows in parts]
        [(0, [0.0]), (1, [0.25, 0.75, 1.0])]
    """

    def __init__(self, old: int, new: int, *, nearest: bool = False) -> None:
        centres = (np.arange(new) + 0.5) * old / new - 0.5
        if old == new or nearest:
            self._taps = np.clip(np.floor(centres + 0.5), 0, old - 1).astype(np.intp)[:, None]
            self._weights = np.ones((new, 1), np.float32)
        else:
            self._taps, weights = _linear_taps(centres, old, max(1.0, old / new))
            self._weights = weights.astype(np.float32)
        used = self._weights > 0
        self._first = np.where(used, self._taps, old).min(1)
        self._last = np.where(used, self._taps, -1).max(1)
        self._rows: dict[int, NDArray[Any]] = {}
        self._seen = 0
        self._made = 0

    def feed(self, rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Take the next rows ``(n, ...)``; yield new ones that can be made, and their place.

        At most 16 are made at a time.
        """
        for row in rows:
            self._rows[self._seen] = row
            self._seen += 1
        ready = int(np.searchsorted(self._last, self._seen))
        while self._made < ready:
            stop = min(ready, self._made + _ROWS)
            made = [self._blend(k) for k in range(self._made, stop)]
            yield self._made, np.stack(made)
            self._made = stop
        needed = int(self._first[self._made :].min(initial=self._seen))
        # a copy of what is kept: a row is a view that would hold its whole slab
        self._rows = {k: np.array(row) for k, row in self._rows.items() if k >= needed}

    def _blend(self, k: int) -> NDArray[np.float32]:
        pairs = [
            (self._rows[int(tap)], weight)
            for tap, weight in zip(self._taps[k], self._weights[k], strict=True)
            if weight > 0
        ]
        if len(pairs) == 1:
            return pairs[0][0].astype(np.float32, copy=False)
        total = pairs[0][0] * pairs[0][1]
        for row, weight in pairs[1:]:
            total += row * weight
        return total.astype(np.float32, copy=False)


def _resample_axis(
    array: NDArray[np.float32], axis: int, size: int, kind: Kind
) -> NDArray[np.float32]:
    old = array.shape[axis]
    centres = (np.arange(size) + 0.5) * old / size - 0.5  # of new voxels, in old indices
    if kind == "cubic":
        margin = [(_SPLINE_MARGIN,) * 2 if k == axis else (0, 0) for k in range(array.ndim)]
        array = ndimage.spline_filter1d(
            np.pad(array, margin, mode="edge"), 3, axis, output=np.float32, mode="nearest"
        )
        hooks, weights = _cubic_taps(centres + _SPLINE_MARGIN)
    elif kind == "nearest":
        hooks, weights = np.floor(centres + 0.5).astype(np.intp)[:, None], np.ones((size, 1))
    else:
        hooks, weights = _linear_taps(centres, old, max(1.0, old / size))
    return _gather(array, axis, hooks, weights)


def _linear_taps(
    centres: NDArray[np.float64], old: int, reach: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Neighbours within ``reach`` of each centre, weighted by a triangle; ``(size, taps)`` each."""
    centres = np.clip(centres, 0, old - 1)[:, None]
    first = np.floor(centres - reach) + 1
    hooks = first + np.arange(int(np.ceil(2 * reach)))
    weights = np.clip(1 - np.abs(hooks - centres) / reach, 0, None)
    weights[(hooks < 0) | (hooks > old - 1)] = 0
    weights /= weights.sum(1, keepdims=True)
    return np.clip(hooks, 0, old - 1).astype(np.intp), weights


def _cubic_taps(
    centres: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The four neighbours of each centre, weighted by the cubic B-spline."""
    below = np.floor(centres)
    t = centres - below
    pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    hooks = below.astype(np.intp)[:, None] + np.arange(-1, 3)
    return hooks, np.stack(pieces, axis=1) / 6


def _gather(
    array: NDArray[np.float32],
    axis: int,
    hooks: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float32]:
    along = [-1 if k == axis else 1 for k in range(array.ndim)]
    total = array.take(hooks[:, 0], axis)
    if hooks.shape[1] == 1:
        return total
    total *= weights[:, 0].astype(np.float32).reshape(along)
    for tap, weight in zip(hooks.T[1:], weights.T[1:], strict=True):
        part = array.take(tap, axis)
        part *= weight.astype(np.float32).reshape(along)
        total += part
    return total
