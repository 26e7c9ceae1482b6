"""Distances between the borders of two masks, in millimetres.

`border_distances` does the expensive part once; every metric is a short reader of its result.
A border voxel has a face neighbour outside the mask; the edge of the array counts as outside.
Empty masks: both empty is undefined (``nan``); one empty is infinitely far (``inf``), NSD 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from segscope.images.components import bounding_box


@dataclass(frozen=True, eq=False)
class BorderDistances:
    """Distance in mm from each border voxel of one mask to the nearest of the other's border."""

    prediction_to_truth: NDArray[np.float64]
    truth_to_prediction: NDArray[np.float64]


def border_distances(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> BorderDistances:
    """Measure between voxel centres, exactly.

    Only the box around both masks is looked at, and voxels that both borders share are known to
    be 0 apart; the others are looked up in a k-d tree.

    Args:
        prediction: Mask, any number of dimensions.
        truth: Mask of the same shape.
        spacing_mm: Voxel size along each array axis.
    """
    if prediction.shape != truth.shape or prediction.ndim != len(spacing_mm):
        raise ValueError(
            f"masks and spacing must agree, got prediction {prediction.shape}, "
            f"truth {truth.shape}, {len(spacing_mm)} spacings"
        )
    box = bounding_box(prediction | truth)
    if box is None:
        return BorderDistances(np.empty(0), np.empty(0))
    p, t = border(prediction[box]), border(truth[box])
    return BorderDistances(
        prediction_to_truth=_distances(p, t, spacing_mm),
        truth_to_prediction=_distances(t, p, spacing_mm),
    )


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
    """Share of border voxels that lie within a tolerance of the other border (NSD)."""
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


def _distances(
    source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    count = int(np.count_nonzero(source))
    if count == 0:
        return np.empty(0)
    if not target.any():
        return np.full(count, np.inf)
    apart = source & ~target
    spacing = np.asarray(spacing_mm)
    found = np.zeros(count)
    if apart.any():
        tree = cKDTree(np.argwhere(target) * spacing, leafsize=32, balanced_tree=False)
        found[: np.count_nonzero(apart)] = tree.query(np.argwhere(apart) * spacing)[0]
    return found
