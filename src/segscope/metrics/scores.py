"""All metrics of one case."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segscope.images import Grid
from segscope.images.components import bounding_box
from segscope.metrics.centre import centre_distance
from segscope.metrics.lesions import lesion_scores
from segscope.metrics.overlap import Counts, count_agreement, overlap_scores
from segscope.metrics.surface import (
    average_distance,
    border_distances,
    hausdorff_distance,
    surface_dice,
)
from segscope.metrics.volume import volume_scores

HIGHER_IS_BETTER = {
    **dict.fromkeys(("dice", "iou", "precision", "recall", "specificity", "accuracy"), True),
    **dict.fromkeys(("nsd", "lesion_recall", "lesion_precision", "lesion_f1"), True),
    **dict.fromkeys(("hd_mm", "hd95_mm", "assd_mm", "avd_percent", "centre_mm"), False),
}
DISTANCES = ("hd_mm", "hd95_mm", "assd_mm")


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

    Raises:
        ValueError: Shapes or spacing do not fit.

    Example:
        >>> truth = np.array([[0, 1], [1, 1]])
        >>> found = evaluate_case(truth, truth, (1.0, 1.0), {"background": 0, "lesion": 1})
        >>> found.to_dict()["lesion"]["dice"]
        1.0
    """
    if prediction.shape != truth.shape or truth.ndim != len(spacing_mm):
        raise ValueError(
            f"prediction and truth must have one shape, got {prediction.shape} and "
            f"{truth.shape}, {len(spacing_mm)} spacings"
        )
    grid = (
        Grid.from_spacing(truth.shape, spacing_mm)
        if affine is None
        else Grid(truth.shape, np.asarray(affine, float))
    )
    sides = [n * s for n, s in zip(truth.shape, spacing_mm, strict=True)]
    return CaseScores(
        {
            name: _label_scores(
                prediction == value,
                truth == value,
                grid,
                empty=empty,
                tolerance_mm=tolerance_mm,
                overlap_only=overlap_only,
            )
            for name, value in labels.items()
            if value
        },
        math.hypot(*sides),
    )


def _label_scores(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    grid: Grid,
    *,
    empty: str,
    tolerance_mm: float,
    overlap_only: bool,
) -> dict[str, float]:
    counts = count_agreement(prediction, truth)
    scores = overlap_scores(counts, empty=empty) | volume_scores(counts)
    if not overlap_only:
        box = bounding_box(prediction | truth) or tuple(slice(0, 1) for _ in truth.shape)
        p, t = np.ascontiguousarray(prediction[box]), np.ascontiguousarray(truth[box])
        distances = border_distances(p, t, grid.spacing_mm)
        scores |= {
            "hd_mm": hausdorff_distance(distances),
            "hd95_mm": hausdorff_distance(distances, 95),
            "assd_mm": average_distance(distances),
            "nsd": surface_dice(distances, tolerance_mm),
            "centre_mm": centre_distance(p, t, Grid(p.shape, grid.affine)),
        } | lesion_scores(p, t)
    return scores | _as_counts(counts)


def _as_counts(counts: Counts) -> dict[str, float]:
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "tn": counts.tn,
        "n_pred": counts.tp + counts.fp,
        "n_ref": counts.tp + counts.fn,
    }
