"""What is wrong with a bad prediction, in words: missed, too small, too large, elsewhere."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["failure_of"]

_HALF = 0.5
_OFF = 1.25
"""From this ratio of volumes on, a prediction is too large, or too small."""


def failure_of(row: Mapping[str, Any]) -> str:
    """Say how one label of one case went wrong; empty where more than half of it is right.

    Args:
        row: Of a `Summary`: ``status``, ``n_pred``, ``n_ref``, ``dice``, ``precision``, ``recall``.

    Returns:
        ``no prediction``, ``predicted where there is none``, ``missed``, ``in another place``,
        ``too large``, ``too small``, ``inexact`` or nothing.

    Example:
        >>> row = {"n_pred": 90, "n_ref": 30, "dice": 0.45, "precision": 0.3, "recall": 0.9}
        >>> failure_of(row)
        'too large'
    """
    if row.get("status") == "missing":
        return "no prediction"
    predicted, true = int(row.get("n_pred", 0)), int(row.get("n_ref", 0))
    if not true:
        return "predicted where there is none" if predicted else ""
    if not predicted:
        return "missed"
    dice = float(row.get("dice", math.nan))
    if dice >= _HALF:
        return ""
    if max(float(row.get("precision", 0)), float(row.get("recall", 0))) < _HALF / 2:
        return "in another place"
    if predicted > _OFF * true:
        return "too large"
    return "too small" if true > _OFF * predicted else "inexact"
