"""All metrics of one case."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from segscope.images import Grid
from segscope.images.components import bounding_box
from segscope.metrics.checks import (
    check_label_maps,
    check_labels,
    check_spacing,
    check_tolerance,
)
from segscope.metrics.names import METRICS, measure
from segscope.metrics.pair import MaskPair


@dataclass(frozen=True)
class CaseScores:
    """Metrics per label name; undefined is ``nan``, infinitely far is ``inf``.

    Args:
        by_label: Metrics of each foreground label.
        diagonal_mm: Of the image: what stands for ``inf`` where a mean is taken.
    """

    by_label: dict[str, dict[str, float]]
    diagonal_mm: float

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return ``{label: {metric: value}}``."""
        return self.by_label


def evaluate_case(
    prediction: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    labels: Mapping[str, int],
    *,
    affine: ArrayLike | None = None,
    empty: str = "nan",
    tolerance_mm: float = 1.0,
    overlap_only: bool = False,
    metrics: Sequence[str] = (),
) -> CaseScores:
    """Compute every metric for every foreground label.

    Args:
        prediction: Label map, 2D or 3D.
        truth: Label map of the same shape.
        spacing_mm: Voxel size along each array axis.
        labels: Name to value; value 0 is left out.
        affine: For centre distances; an upright one with ``spacing_mm`` where not given.
        empty: ``nan`` or ``one``, see `overlap_scores`.
        tolerance_mm: Of the normalised surface Dice.
        overlap_only: Leave out what needs borders and components.
        metrics: Names of metrics of installed packages to measure too.

    Raises:
        ValueError: Shapes, spacing or affine do not fit; maps or values of labels that are no
            whole numbers, or two names of one value; ``empty`` unknown; a tolerance below 0.

    Example:
        >>> truth = np.array([[0, 1], [1, 1]])
        >>> found = evaluate_case(truth, truth, (1.0, 1.0), {"background": 0, "lesion": 1})
        >>> found.to_dict()["lesion"]["dice"]
        1.0
    """
    check_label_maps(prediction, truth)
    labels = check_labels(labels)
    spacing_mm = check_spacing(spacing_mm, truth.ndim)
    check_tolerance(tolerance_mm)
    grid = Grid.from_spacing(truth.shape, spacing_mm)
    world = grid if affine is None else Grid(truth.shape, np.asarray(affine, float))
    if not np.allclose(world.spacing_mm, spacing_mm, rtol=1e-3, atol=0):
        raise ValueError(f"the affine's spacing is {world.spacing_mm}, spacing_mm {spacing_mm}")
    sides = [n * s for n, s in zip(truth.shape, spacing_mm, strict=True)]
    boxes = _boxes(prediction, truth, [value for value in labels.values() if value])
    by_label = {}
    for name, value in labels.items():
        if value:
            p, t = (np.asarray(array[boxes[value]] == value) for array in (prediction, truth))
            pair = MaskPair(p, t, truth.size, grid.spacing_mm, world, empty, tolerance_mm)
            by_label[name] = _label_scores(pair, metrics, overlap_only=overlap_only)
    return CaseScores(by_label, math.hypot(*sides))


def _boxes(
    prediction: NDArray[Any], truth: NDArray[Any], values: Sequence[int]
) -> dict[int, tuple[slice, ...]]:
    """Box around each label in either map; one voxel of an absent one."""
    corner = tuple(slice(0, 1) for _ in truth.shape)
    whole = bounding_box(prediction, truth)
    if whole is None or len(values) == 1:
        return dict.fromkeys(values, whole or corner)
    found = []
    for array in (prediction, truth):
        part = array[whole].view(np.uint8) if array.dtype == bool else array[whole]
        found.append(ndimage.find_objects(part, max_label=max(values, default=0)))
    boxes = {}
    for value in values:
        sides = [b[value - 1] for b in found if b[value - 1] is not None]
        boxes[value] = (
            corner
            if not sides
            else tuple(
                slice(
                    first.start + min(s.start for s in axis),
                    first.start + max(s.stop for s in axis),
                )
                for first, axis in zip(whole, zip(*sides, strict=True), strict=True)
            )
        )
    return boxes


def _label_scores(pair: MaskPair, more: Sequence[str], *, overlap_only: bool) -> dict[str, float]:
    quick = [name for name, metric in METRICS.items() if metric.overlap]
    rest = [] if overlap_only else [name for name in METRICS if name not in quick]
    scores = {name: measure(name, pair) for name in (*quick, *rest, *more)}
    return scores | pair.counts.to_dict()
