"""Volumes of two masks compared."""

import math

from segscope.metrics.overlap import Counts


def volume_scores(counts: Counts) -> dict[str, float]:
    """Absolute and signed volume difference, and positives, in percent.

    ``avd_percent`` = 100 |V_pred - V_true| / V_true, undefined (``nan``) without a true voxel;
    ``pcd_percent`` = 100 positives / voxels of the truth.

    Example:
        >>> volume_scores(Counts(tp=2, fp=3, fn=2, tn=13))["avd_percent"]
        25.0
    """
    predicted, true = counts.tp + counts.fp, counts.tp + counts.fn
    signed = 100.0 * (predicted - true) / true if true else math.nan
    voxels = true + counts.fp + counts.tn
    return {
        "avd_percent": abs(signed),
        "volume_difference_percent": signed,
        "pcd_percent": 100.0 * true / voxels if voxels else math.nan,
    }
