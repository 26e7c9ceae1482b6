"""The five figures of the MICCAI 2017 white-matter-hyperintensity challenge.

As its organisers compute them: label 2 (other pathology) is taken out of the truth and masked out
of the prediction; HD95 runs between *in-plane* border voxels (axial slices, 8-neighbour erosion by
one pixel, the edge of the image does not erode) in physical coordinates.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from segscope.metrics.lesions import lesion_scores
from segscope.metrics.overlap import count_agreement, overlap_scores
from segscope.metrics.volume import volume_scores


def wmh2017(
    prediction: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
) -> dict[str, float]:
    """Score a prediction by the challenge's rules.

    Args:
        prediction: ``(i, j, k)``, lesion where 1; the last axis is the axial one.
        truth: Likewise; 2 marks other pathology.
        spacing_mm: Voxel size along each axis.

    Returns:
        ``dice``, ``hd95_mm`` (nan when nothing is predicted), ``avd_percent``, ``lesion_recall``,
        ``lesion_f1``.

    Example:
        >>> truth = np.zeros((4, 4, 1), int)
        >>> truth[1, 1], truth[3, 3] = 1, 2
        >>> wmh2017(np.ones((4, 4, 1), int), truth, (1, 1, 3))["avd_percent"]
        1400.0
    """
    if prediction.shape != truth.shape or truth.ndim != 3 or len(spacing_mm) != 3:
        raise ValueError(
            f"two volumes and three spacings are needed, got {prediction.shape}, {truth.shape}, "
            f"{len(spacing_mm)}"
        )
    p, t = (prediction == 1) & (truth != 2), truth == 1
    counts = count_agreement(p, t)
    lesions = lesion_scores(p, t)
    return {
        "dice": overlap_scores(counts)["dice"],
        "hd95_mm": _in_plane_hd95(p, t, spacing_mm),
        "avd_percent": volume_scores(counts)["avd_percent"],
        "lesion_recall": lesions["lesion_recall"],
        "lesion_f1": lesions["lesion_f1"],
    }


def _in_plane_hd95(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> float:
    if not prediction.any() or not truth.any():
        return math.nan
    square = np.ones((3, 3, 1), bool)
    points = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask, square, border_value=1))
        * np.asarray(spacing_mm)
        for mask in (prediction, truth)
    ]
    directed = [
        cKDTree(points[1 - k], leafsize=32).query(points[k])[0] if len(points[1 - k]) else None
        for k in (0, 1)
    ]
    if any(d is None or not len(d) for d in directed):
        return math.nan
    return max(float(np.percentile(d, 95)) for d in directed if d is not None)
