"""Connected components with full connectivity (8 in 2D, 26 in 3D), and boxes around masks.

A mask is read once into *runs*: stretches of voxels along the last axis. Lesions fill a thousandth
of a volume, so everything after that (joining runs that touch, counting, centres) is work on short
lists instead of on whole volumes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# voxels that are looked at together: their temporaries stay in the cache and out of the memory
_SLAB_VOXELS = 1 << 18
# above one run per so many voxels a mask is more noise than shapes, and a pass over it is cheaper
_VOXELS_PER_RUN = 32


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of a mask along its last axis, in the order of the voxels.

    Args:
        starts: Flat index of each run's first voxel.
        stops: Flat index after each run's last voxel.
        shape: Of the mask.
    """

    starts: NDArray[np.intp]
    stops: NDArray[np.intp]
    shape: tuple[int, ...]

    def centre(self) -> NDArray[np.float64]:
        """Mean voxel index along each axis; of no voxel, ``nan``.

        Example:
            >>> find_runs(np.array([[1, 1, 1], [0, 0, 0], [1, 1, 1]], bool)).centre().tolist()
            [1.0, 1.0]
        """
        sizes = self.stops - self.starts
        if not len(sizes):
            return np.full(len(self.shape), np.nan)
        indices = np.array(np.unravel_index(self.starts, self.shape), np.float64)
        indices[-1] += (sizes - 1) / 2
        return np.asarray((indices * sizes).sum(1) / sizes.sum(), np.float64)


def slabs(shape: Sequence[int]) -> Iterator[slice]:
    """Cut the first axis into slices of a size that fits the cache.

    Example:
        >>> list(slabs((5, 1 << 17)))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    plane = int(np.prod(shape[1:]))
    step = max(1, _SLAB_VOXELS // max(1, plane))
    for first in range(0, shape[0], step):
        yield slice(first, min(first + step, shape[0]))


def find_runs(mask: NDArray[np.bool_], *others: NDArray[np.bool_]) -> Runs:
    """Find the runs of the voxels that lie in every one of the masks.

    Args:
        mask: ``(*S)``, not empty along any axis.
        others: More masks of the same shape.

    Example:
        >>> runs = find_runs(np.array([[0, 1, 1, 0], [1, 0, 0, 1]], bool))
        >>> runs.starts.tolist(), runs.stops.tolist()
        ([1, 4, 7], [3, 5, 8])
    """
    shape = mask.shape
    if mask.ndim == 1:
        mask, others = mask[None], tuple(other[None] for other in others)
    starts, stops = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for slab in slabs(mask.shape):
        part = mask[slab]
        for other in others:
            part = part & other[slab]
        if not part.any():
            continue
        offset = slab.start * (mask.size // len(mask))
        edge = part.copy()
        np.greater(part[..., 1:], part[..., :-1], out=edge[..., 1:])
        starts.append(np.flatnonzero(edge) + offset)
        edge = part.copy()
        np.greater(part[..., :-1], part[..., 1:], out=edge[..., :-1])
        stops.append(np.flatnonzero(edge) + (offset + 1))
    return Runs(np.concatenate(starts), np.concatenate(stops), shape)


def number_runs(mask: NDArray[np.bool_]) -> tuple[Runs, NDArray[Any], int]:
    """Find a mask's runs, the component (from 0) of each, and how many components there are.

    Example:
        >>> runs, numbers, count = number_runs(np.array([[1, 0, 0, 1], [0, 1, 0, 0]], bool))
        >>> numbers.tolist(), count
        ([0, 1, 0], 2)
    """
    runs = find_runs(mask)
    if len(runs.starts) * _VOXELS_PER_RUN > mask.size:
        numbered, count = label_components(mask)
        return runs, numbered.ravel()[runs.starts] - 1, count
    pairs = [_touching(runs, step) for step in _half_of_the_neighbours(mask.ndim - 1)]
    first, second = (
        np.concatenate([np.empty(0, np.intp), *(pair[side] for pair in pairs)]) for side in (0, 1)
    )
    size = len(runs.starts)
    graph = coo_array((np.ones(len(first), bool), (first, second)), (size, size))
    count, numbers = connected_components(graph, directed=False)
    return runs, numbers, int(count)


def label_components(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
    """Number the components of a mask from 1; voxels that touch at a corner belong together.

    Example:
        >>> label_components(np.array([[1, 0], [0, 1]], bool))[1]
        1
    """
    numbered, count = ndimage.label(mask, np.ones((3,) * mask.ndim, bool))
    return numbered, int(count)


def bounding_box(*masks: NDArray[Any]) -> tuple[slice, ...] | None:
    """Return the smallest box around what is not 0 in any of the arrays, or None for nothing.

    Example:
        >>> bounding_box(np.array([0, 1, 1, 0], bool), np.array([0, 0, 0, 1], bool))
        (slice(1, 4, None),)
    """
    boxes = [box for box in map(_box_of_one, masks) if box is not None]
    if not boxes:
        return None
    return tuple(
        slice(min(s.start for s in axis), max(s.stop for s in axis))
        for axis in zip(*boxes, strict=True)
    )


def _box_of_one(mask: NDArray[Any]) -> tuple[slice, ...] | None:
    box = []
    for _ in range(mask.ndim):
        hit = np.flatnonzero(mask.any(tuple(range(1, mask.ndim))))
        if not len(hit):
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
        # projected away, so that the next axes have less to look at
        mask = np.asarray(mask.any(0))
    return tuple(box)


def _half_of_the_neighbours(axes: int) -> list[tuple[int, ...]]:
    """Steps to the lines around a line, each pair of opposite ones once."""
    return [step for step in product((-1, 0, 1), repeat=axes) if step > (0,) * axes]


def _touching(runs: Runs, step: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of runs that touch, the second one ``step`` lines away from the first."""
    length = runs.shape[-1]
    lines = runs.starts // length
    places = np.unravel_index(lines, runs.shape[:-1])
    inside = np.ones(len(lines), bool)
    for place, move, side in zip(places, step, runs.shape[:-1], strict=True):
        inside &= (place + move >= 0) & (place + move < side)
    strides = np.cumprod((1, *runs.shape[:0:-1]))[1:][::-1]
    shift = int(np.dot(step, strides)) if len(step) else 0
    own = np.flatnonzero(inside)
    line_start = lines[own] * length + shift
    # one voxel further on either side: corners touch; but never into the next line
    low = np.maximum(runs.starts[own] + shift - 1, line_start)
    high = np.minimum(runs.stops[own] + shift, line_start + length - 1)
    first = np.searchsorted(runs.stops, low, "right")
    counts = np.searchsorted(runs.starts, high, "right") - first
    ends = np.cumsum(counts)
    others = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(first - ends + counts, counts)
    return np.repeat(own, counts), others
