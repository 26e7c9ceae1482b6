"""The five figures of the MICCAI 2017 white-matter-hyperintensity challenge.

As its organisers compute them: label 2 (other pathology) is taken out of the truth and masked out
of the prediction, of which everything that is left and not 0 counts; HD95 runs between *in-plane*
border voxels (axial slices, 8-neighbour erosion by one pixel, the edge of the image does not erode)
in physical coordinates.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images.components import bounding_box
from segscope.metrics.checks import check_label_maps, check_spacing
from segscope.metrics.lesions import lesion_scores
from segscope.metrics.overlap import count_agreement, overlap_scores
from segscope.metrics.surface import nearest_distances
from segscope.metrics.volume import volume_scores


def wmh2017(
    prediction: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
) -> dict[str, float]:
    """Score a prediction by the challenge's rules.

    Args:
        prediction: ``(i, j, k)``, lesion where not 0; the last axis is the axial one.
        truth: Likewise; 2 marks other pathology.
        spacing_mm: Voxel size along each axis.

    Returns:
        ``dice``, ``hd95_mm`` (nan when nothing is predicted), ``avd_percent``, ``lesion_recall``,
        ``lesion_f1``.

    Raises:
        ValueError: They are no label maps of three axes, or a spacing is not above 0.

    Example:
        >>> truth = np.zeros((4, 4, 1), int)
        >>> truth[1, 1], truth[3, 3] = 1, 2
        >>> wmh2017(np.ones((4, 4, 1), int), truth, (1, 1, 3))["avd_percent"]
        1400.0
    """
    if prediction.shape != truth.shape or truth.ndim != 3:
        raise ValueError(
            f"two volumes of one shape are needed, got {prediction.shape} and {truth.shape}"
        )
    check_label_maps(prediction, truth)
    spacing_mm = check_spacing(spacing_mm, 3)
    p, t = masks_of_challenge(prediction, truth)
    counts = count_agreement(p, t)
    lesions = lesion_scores(p, t)
    return {
        "dice": overlap_scores(counts)["dice"],
        "hd95_mm": _in_plane_hd95(p, t, spacing_mm),
        "avd_percent": volume_scores(counts)["avd_percent"],
        "lesion_recall": lesions["lesion_recall"],
        "lesion_f1": lesions["lesion_f1"],
    }


def masks_of_challenge(
    prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the masks of prediction and truth that the challenge compares.

    Example:
        >>> masks_of_challenge(np.array([1, 1, 0]), np.array([1, 2, 2]))[0].tolist()
        [True, False, False]
    """
    return (prediction > 0) & (truth != 2), truth == 1


def _in_plane_hd95(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> float:
    if not prediction.any() or not truth.any():
        return math.nan
    box = bounding_box(prediction, truth)
    if box is not None:
        # one pixel more, where the image has it: only its own edge does not erode
        box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        prediction, truth = prediction[box], truth[box]
    p, t = (np.flatnonzero(_in_plane_border(mask)) for mask in (prediction, truth))
    directed = (
        nearest_distances(source, target, truth.shape, spacing_mm)
        for source, target in ((p, t), (t, p))
    )
    # a mask that fills every slice has no border at all
    return max(float(np.percentile(d, 95)) for d in directed) if len(p) and len(t) else math.nan


def _in_plane_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = mask
    for axis in (0, 1):  # a square is eroded by one axis after the other
        line = np.moveaxis(inner.copy(), axis, 0)
        before = np.moveaxis(inner, axis, 0)
        line[1:] &= before[:-1]
        line[:-1] &= before[1:]
        inner = np.moveaxis(line, 0, axis)
    return mask & ~inner
