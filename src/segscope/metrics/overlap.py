"""Overlap of two masks: counts of agreement, and ratios of them.

Empty masks, for all six ratios: both empty is undefined (``nan``, or 1 with ``empty="one"``); one
empty is 0, so that finding nothing is never rewarded (an empty prediction of a small lesion would
else have an accuracy near 1). The plain quotients can be had from the counts.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segscope.metrics.checks import check_masks

_RATIOS = ("dice", "iou", "precision", "recall", "specificity", "accuracy")


@dataclass(frozen=True)
class Counts:
    """Voxels that both masks hold, that only one holds, that none holds."""

    tp: int
    fp: int
    fn: int
    tn: int

    def to_dict(self) -> dict[str, float]:
        """Return the counts, and the sizes of both masks as nnU-Net names them."""
        sizes = {"n_pred": self.tp + self.fp, "n_ref": self.tp + self.fn}
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, "tn": self.tn, **sizes}


def count_agreement(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Counts:
    """Count agreement of two masks of one shape.

    Raises:
        ValueError: They are no masks, or their shapes differ.

    Example:
        >>> count_agreement(np.array([1, 1, 0], bool), np.array([1, 0, 0], bool))
        Counts(tp=1, fp=1, fn=0, tn=1)
    """
    prediction, truth = check_masks(prediction, truth)
    tp = int(np.count_nonzero(prediction & truth))
    p, t = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    return Counts(tp, p - tp, t - tp, truth.size - p - t + tp)


def overlap_scores(counts: Counts, *, empty: str = "nan") -> dict[str, float]:
    """Dice, IoU, precision, recall, specificity, accuracy (ANU-Net paper, eqs. 9-12).

    Args:
        counts: Of one label.
        empty: ``nan`` or ``one``: what all are when both masks are empty.

    Raises:
        ValueError: ``empty`` is neither.

    Example:
        >>> overlap_scores(Counts(tp=2, fp=1, fn=1, tn=6))["dice"]
        0.6666666666666666
    """
    if empty not in ("nan", "one"):
        raise ValueError(f"empty must be nan or one, got {empty!r}")
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    if tp + fp == 0 or tp + fn == 0:
        both = tp + fp + fn == 0
        nothing = 0.0 if not both else (math.nan if empty == "nan" else 1.0)
        return dict.fromkeys(_RATIOS, nothing)
    values = (
        2 * tp / (2 * tp + fp + fn),
        tp / (tp + fp + fn),
        tp / (tp + fp),
        tp / (tp + fn),
        tn / (tn + fp) if tn + fp else math.nan,  # the truth fills the image
        (tp + tn) / (tp + fp + fn + tn),
    )
    return dict(zip(_RATIOS, values, strict=True))
