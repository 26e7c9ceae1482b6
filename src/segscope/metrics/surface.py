"""Distances between the borders of two masks, in millimetres.

`border_distances` does the expensive part once; every metric is a short reader of its result.
A border voxel has a face neighbour outside the mask; the edge of the array counts as outside.
Empty masks: both empty is undefined (``nan``); one empty is infinitely far (``inf``), NSD 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from segscope.images.components import bounding_box, slabs
from segscope.metrics.checks import check_masks, check_spacing, check_tolerance

Flat = NDArray[np.intp]  # indices into a flattened array

# measured times in ns that the choice between tree and slices rests on
_PER_TREE_POINT, _PER_SLICE_VOXEL, _PER_SLICE_QUERY = 15, 45, 8
_SAMPLED_QUERIES = 64
_REACH = 2  # voxels along each axis that are looked at before a tree is made
_WORTH_ONE_MORE = 50  # a shell that met fewer than one query in so many is the last one
_LEAF_SIDE = 6  # voxels: a leaf of the tree is a patch of border about as wide


@dataclass(frozen=True, eq=False)
class BorderDistances:
    """Distance in mm from each border voxel of one mask to the nearest of the other's border."""

    prediction_to_truth: NDArray[np.float64]
    truth_to_prediction: NDArray[np.float64]


def border_distances(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> BorderDistances:
    """Measure between voxel centres, exactly.

    Only the box around both masks is looked at. Voxels that both borders share are known to be 0
    apart; the others are looked up in a k-d tree, or, where many voxels lie equally far and a tree
    would have to visit them all, in exact distance transforms of one slice at a time.

    Args:
        prediction: Mask, any number of dimensions.
        truth: Mask of the same shape.
        spacing_mm: Voxel size along each array axis.

    Returns:
        One distance per border voxel, in no particular order.

    Raises:
        ValueError: Shapes or spacing do not fit, or the arrays are no masks.
    """
    prediction, truth = check_masks(prediction, truth)
    spacing_mm = check_spacing(spacing_mm, truth.ndim)
    box = bounding_box(prediction, truth)
    if box is None:
        return BorderDistances(np.empty(0), np.empty(0))
    prediction, truth = prediction[box], truth[box]
    p, t = _border_voxels(prediction), _border_voxels(truth)
    return BorderDistances(
        prediction_to_truth=nearest_distances(p, t, prediction.shape, spacing_mm),
        truth_to_prediction=nearest_distances(t, p, prediction.shape, spacing_mm),
    )


def nearest_distances(
    source: Flat, target: Flat, shape: tuple[int, ...], spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Distance in mm from each source voxel to the nearest target voxel, in no particular order.

    Args:
        source: Flat indices of voxels, ascending.
        target: Likewise; where there is none, every distance is infinite.
        shape: Of the array that the indices belong to.
        spacing_mm: Voxel size along each of its axes.

    Example:
        >>> nearest_distances(np.array([0, 3]), np.array([3]), (4,), (2.0,)).tolist()
        [6.0, 0.0]
    """
    spacing_mm = check_spacing(spacing_mm, len(shape))
    if not len(target):
        return np.full(len(source), np.inf)
    found = np.zeros(len(source))
    place = np.minimum(np.searchsorted(target, source), len(target) - 1)
    apart = source[target[place] != source]
    if not len(apart):
        return found
    points, queries = (np.stack(np.unravel_index(v, shape), -1) for v in (target, apart))
    near, queries = _by_shells(queries, points, shape, spacing_mm)
    found[: len(near)] = near
    if not len(queries):
        return found
    rest = slice(len(near), len(near) + len(queries))
    tree = cKDTree(points * np.asarray(spacing_mm), leafsize=16)
    if _tree_is_slower(tree, queries, shape, spacing_mm):
        found[rest] = _by_slices(queries, points, shape, spacing_mm)
    else:
        found[rest] = tree.query(queries * np.asarray(spacing_mm))[0]
    return found


def border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the voxels of a mask that have a face neighbour outside it.

    Example:
        >>> border(np.array([1, 1, 1, 0], bool)).tolist()
        [True, False, True, False]
    """
    inner = mask.copy()
    for axis in range(mask.ndim):
        low, high = [slice(None)] * mask.ndim, [slice(None)] * mask.ndim
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        inner[tuple(low)] &= mask[tuple(high)]
        inner[tuple(high)] &= mask[tuple(low)]
        for edge in (0, -1):
            at_edge = [slice(None)] * mask.ndim
            at_edge[axis] = slice(edge, None if edge else 1)
            inner[tuple(at_edge)] = False
    return mask & ~inner


def hausdorff_distance(distances: BorderDistances, percentile: float = 100.0) -> float:
    """Larger of the two directed percentiles (linear interpolation), in mm; 95 is HD95.

    Example:
        >>> a, b = np.zeros((2, 7, 1), bool)
        >>> a[3], b[6] = True, True
        >>> hausdorff_distance(border_distances(a, b, (2.0, 1.0)))
        6.0
    """
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile must lie in 0..100, got {percentile}")
    undefined = _undefined(distances)
    if undefined is not None:
        return undefined
    directed = (distances.prediction_to_truth, distances.truth_to_prediction)
    return max(float(np.percentile(d, percentile)) for d in directed)


def average_distance(distances: BorderDistances) -> float:
    """Mean of all directed distances together (ASSD), in mm."""
    undefined = _undefined(distances)
    if undefined is not None:
        return undefined
    both = (distances.prediction_to_truth, distances.truth_to_prediction)
    return float(sum(d.sum() for d in both) / sum(len(d) for d in both))


def surface_dice(distances: BorderDistances, tolerance_mm: float) -> float:
    """Share of border voxels that lie within a tolerance of the other border (NSD).

    Raises:
        ValueError: The tolerance is below 0 or not finite.
    """
    check_tolerance(tolerance_mm)
    both = (distances.prediction_to_truth, distances.truth_to_prediction)
    count = sum(len(d) for d in both)
    if count == 0:
        return math.nan
    if any(len(d) == 0 for d in both):
        return 0.0
    return float(sum(np.count_nonzero(d <= tolerance_mm) for d in both) / count)


def _undefined(distances: BorderDistances) -> float | None:
    empty = [len(d) == 0 for d in (distances.prediction_to_truth, distances.truth_to_prediction)]
    if all(empty):
        return math.nan
    return math.inf if any(empty) else None


def _border_voxels(mask: NDArray[np.bool_]) -> Flat:
    found = [np.empty(0, np.intp)]
    for slab in slabs(mask.shape):
        # one plane more on either side: whether a voxel is border hangs on its neighbours
        first, last = max(slab.start - 1, 0), min(slab.stop + 1, len(mask))
        part = mask[first:last]
        if part.any():
            marked = border(part)[slab.start - first : slab.stop - first]
            found.append(np.flatnonzero(marked) + slab.start * (mask.size // len(mask)))
    return np.concatenate(found)


def _by_shells(
    queries: NDArray[np.intp],
    points: NDArray[np.intp],
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Distances of the queries that have a point within a few voxels, and the other queries.

    Steps to voxels around are tried from the shortest on, so the first that meets a point is the
    distance. Borders of a fair prediction lie a voxel or two apart: most queries end here.
    """
    padded = tuple(n + 2 * _REACH for n in shape)
    there = np.zeros(math.prod(padded), bool)
    there[np.ravel_multi_index(tuple(points.T + _REACH), padded)] = True
    left = np.ravel_multi_index(tuple(queries.T + _REACH), padded)
    found = [np.empty(0)]
    for distance, steps in _shells(tuple(spacing_mm), padded):
        hit = there[left + steps[0]]
        for step in steps[1:]:
            hit |= there[left + step]
        count = int(np.count_nonzero(hit))
        found.append(np.full(count, distance))
        left, before = left[~hit], len(left)
        if count * _WORTH_ONE_MORE < before or not len(left):
            break
    others = np.stack(np.unravel_index(left, padded), -1) - _REACH
    return np.concatenate(found), others


def _shells(
    spacing_mm: tuple[float, ...], shape: tuple[int, ...]
) -> Iterator[tuple[float, list[int]]]:
    """Lengths in mm and flat steps, shortest first, up to where all voxels are within reach."""
    strides = np.cumprod((1, *shape[:0:-1]))[::-1]
    shells: dict[float, list[int]] = {}
    for step in product(range(-_REACH, _REACH + 1), repeat=len(shape)):
        distance = math.sqrt(sum((n * s) ** 2 for n, s in zip(step, spacing_mm, strict=True)))
        shells.setdefault(distance, []).append(int(np.dot(step, strides)))
    reach = (_REACH + 1) * min(spacing_mm)
    yield from sorted(item for item in shells.items() if 0 < item[0] < reach)


def _tree_is_slower(
    tree: cKDTree, queries: NDArray[np.intp], shape: tuple[int, ...], spacing_mm: Sequence[float]
) -> bool:
    """Estimate from a few queries whether too many voxels lie about as far as the nearest one.

    The estimate rests on counts, not on a clock: the same masks always take the same way.
    """
    slices = min(shape)
    by_slices = (
        np.prod(shape, dtype=float) * _PER_SLICE_VOXEL + slices * len(queries) * _PER_SLICE_QUERY
    )
    if len(shape) == 1 or tree.n * len(queries) * _PER_TREE_POINT <= by_slices:
        return False
    sample = queries[:: max(1, len(queries) // _SAMPLED_QUERIES)] * np.asarray(spacing_mm)
    reach = tree.query(sample)[0] + _LEAF_SIDE * np.prod(spacing_mm) ** (1 / len(shape))
    visited = tree.query_ball_point(sample, reach, return_length=True).mean()
    return bool(visited * len(queries) * _PER_TREE_POINT > by_slices)


def _by_slices(
    queries: NDArray[np.intp],
    points: NDArray[np.intp],
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
) -> NDArray[np.float64]:
    """Distance from each query to the nearest point, ``(n, ndim)`` and ``(m, ndim)`` indices.

    The nearest point lies in some slice; within a slice its distance is a transform of one
    dimension less. So no more than one slice of distances is ever held.
    """
    axis = int(np.argmin(shape))
    across = [k for k in range(len(shape)) if k != axis]
    plane = tuple(shape[k] for k in across)
    spacing = [spacing_mm[k] for k in across]
    where = tuple(queries[:, k] for k in across)
    best = np.full(len(queries), np.inf)
    for number in np.unique(points[:, axis]):
        outside = np.ones(plane, bool)
        outside[tuple(points[points[:, axis] == number][:, across].T)] = False
        flat = ndimage.distance_transform_edt(outside, sampling=spacing)
        step = (queries[:, axis] - number) * spacing_mm[axis]
        np.minimum(best, flat[where] ** 2 + step**2, out=best)
    return np.asarray(np.sqrt(best))
