"""Overlap of two masks: counts of agreement, and ratios of them.

Empty masks: both empty is undefined (``nan``, or 1 with ``empty="one"``); one empty is 0.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Counts:
    """Voxels that both masks hold, that only one holds, that none holds."""

    tp: int
    fp: int
    fn: int
    tn: int


def count_agreement(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Counts:
    """Count agreement of two masks of one shape.

    Example:
        >>> count_agreement(np.array([1, 1, 0], bool), np.array([1, 0, 0], bool))
        Counts(tp=1, fp=1, fn=0, tn=1)
    """
    tp = int(np.count_nonzero(prediction & truth))
    p, t = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    return Counts(tp, p - tp, t - tp, truth.size - p - t + tp)


def overlap_scores(counts: Counts, *, empty: str = "nan") -> dict[str, float]:
    """Dice, IoU, precision, recall, specificity, accuracy (ANU-Net paper, eqs. 9-12).

    Args:
        counts: Of one label.
        empty: ``nan`` or ``one``: what the first four are when both masks are empty.

    Example:
        >>> overlap_scores(Counts(tp=2, fp=1, fn=1, tn=6))["dice"]
        0.6666666666666666
    """
    if empty not in ("nan", "one"):
        raise ValueError(f"empty must be nan or one, got {empty!r}")
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    nothing = math.nan if empty == "nan" else 1.0

    def share(part: int, whole: int) -> float:
        if tp + fp + fn == 0:
            return nothing
        return part / whole if whole else 0.0

    return {
        "dice": share(2 * tp, 2 * tp + fp + fn),
        "iou": share(tp, tp + fp + fn),
        "precision": share(tp, tp + fp),
        "recall": share(tp, tp + fn),
        "specificity": tn / (tn + fp) if tn + fp else math.nan,
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
    }
