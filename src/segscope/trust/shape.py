"""Is a predicted mask shaped like the masks that were trained on? Robust distances, per label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images.components import label_components

MEASURES = ("volume", "extent", "components", "largest", "fill", "border", "centre")
"""What is measured of a mask; see `shape_measures`."""

MOST = 20.0
"""No distance is counted beyond this."""

_FEWEST = 5  # masks that a distribution needs
_FLOORS = np.array([0.1, 0.1, 0.3, 0.05, 0.05, 0.02, 0.05])  # smallest spreads that count
_TO_SD = 1.4826  # of the median absolute deviation, for a normal distribution

Vector = NDArray[np.float64]


def shape_measures(labels: NDArray[np.integer[Any]], classes: int) -> NDArray[np.float64]:
    """Measure every label's mask, in voxels of the grid that the network works on.

    Logarithms of volume, longest side of the box and number of components; the largest component's
    share; the share of its box that the mask fills; of its voxels on the image's border; distance
    of its centre from the middle, over half the image's diagonal. A label that is not there has a
    volume of log 1 = 0, and ``nan`` for the rest.

    Args:
        labels: ``(*S)``.
        classes: Labels 1 to ``classes`` are measured.

    Returns:
        ``(classes, 7)`` in the order of `MEASURES`.

    Example:
        >>> found = shape_measures(np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0]]), 1)[0]
        >>> found.round(3).tolist()  # log 4, log 2, log 1, 1, 3/4, 2/3, (1/3, 1/3) of (1.5, 1.5)
        [1.386, 0.693, 0.0, 1.0, 0.75, 0.667, 0.222]
    """
    boxes = ndimage.find_objects(labels, max_label=classes)
    found = np.full((classes, len(MEASURES)), np.nan)
    for k, box in enumerate(boxes):
        if box is None:
            found[k, 0] = 0.0
        else:
            found[k] = _measured(labels[box] == k + 1, box, labels.shape)
    return found


def _measured(mask: NDArray[np.bool_], box: tuple[slice, ...], shape: tuple[int, ...]) -> Vector:
    numbered, count = label_components(mask)
    sizes = np.bincount(numbered.ravel())[1:]
    volume = int(sizes.sum())
    on_border = mask.copy()
    for axis, (part, side) in enumerate(zip(box, shape, strict=True)):
        inner = np.ones(mask.shape[axis], bool)
        inner[0] &= part.start > 0
        inner[-1] &= part.stop < side
        on_border &= inner.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
    off = [
        (np.dot(mask.sum(_others(mask.ndim, a)), np.arange(part.start, part.stop)) / volume)
        - (side - 1) / 2
        for a, (part, side) in enumerate(zip(box, shape, strict=True))
    ]
    return np.array([
        np.log1p(volume), np.log(max(mask.shape)), np.log(count), sizes.max() / volume,
        volume / mask.size, 1 - on_border.sum() / volume,
        np.hypot.reduce(off) / (np.hypot.reduce(shape) / 2),
    ])  # fmt: skip


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(a for a in range(ndim) if a != axis)


@dataclass(frozen=True)
class ShapeReference:
    """What the training masks were like.

    Args:
        middle: Median of each measure, per label; ``nan`` where fewer than five masks have it.
        spread: Its robust standard deviation, at least a floor.
        optional: Whether some training cases lack the label, so that its absence is nothing odd.
    """

    middle: tuple[tuple[float, ...], ...]
    spread: tuple[tuple[float, ...], ...]
    optional: tuple[bool, ...]

    def distances(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Robust z of measures ``(classes, 7)``; 0 where nothing is known, at most `MOST`."""
        z = np.abs(measures - np.array(self.middle)) / np.array(self.spread)
        z[(measures[:, 0] == 0) & np.array(self.optional, bool)] = 0.0
        found: NDArray[np.float64] = np.nan_to_num(z, nan=0.0).clip(0, MOST)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``nan`` as None."""
        rows: dict[str, Any] = {
            name: [[None if x != x else x for x in row] for row in rows]
            for name, rows in (("middle", self.middle), ("spread", self.spread))
        }
        return rows | {"optional": list(self.optional)}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "ShapeReference":
        """Take back what `to_dict` gave."""
        parts = [
            tuple(tuple(float("nan") if x is None else float(x) for x in row) for row in facts[n])
            for n in ("middle", "spread")
        ]
        return cls(parts[0], parts[1], tuple(map(bool, facts["optional"])))


def shape_reference(masks: Sequence[NDArray[np.float64]], classes: int) -> ShapeReference:
    """Learn what masks are like: median and median absolute deviation of each measure.

    Args:
        masks: `shape_measures` of each training case; those that lack a label say nothing of it,
            but that it may be absent.
        classes: Foreground labels.

    Example:
        >>> rows = [shape_measures(np.full((2, n), 1), 1) for n in (3, 4, 5, 6, 7)]
        >>> found = shape_reference(rows, 1)
        >>> round(found.middle[0][0], 3), round(float(found.distances(rows[2])[0].max()), 3)
        (2.398, 0.0)
    """
    table = np.array(masks).reshape(len(masks), classes, len(MEASURES))
    middle, spread, optional = [], [], []
    for k in range(classes):
        own = table[:, k]
        there = own[np.isfinite(own[:, 1])]
        optional.append(len(there) < len(own))
        if len(there) < _FEWEST:
            middle.append((np.nan,) * len(MEASURES))
            spread.append((1.0,) * len(MEASURES))
            continue
        centre = np.median(there, 0)
        mad = _TO_SD * np.median(np.abs(there - centre), 0)
        middle.append(tuple(centre.tolist()))
        spread.append(tuple(np.maximum(mad, _FLOORS).tolist()))
    return ShapeReference(tuple(middle), tuple(spread), tuple(optional))
