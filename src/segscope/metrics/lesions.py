"""Detection of lesions: connected components, full connectivity, found when one voxel overlaps.

No true lesion: recall 1; no detection: precision 1; F1 is 0 when both are 0.
"""

import numpy as np
from numpy.typing import NDArray

from segscope.images.components import Runs, bounding_box, find_runs, number_runs
from segscope.metrics.checks import check_masks


def lesion_scores(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Recall, precision and F1 of lesions, and their numbers.

    Raises:
        ValueError: The arrays are no masks of one shape.

    Example:
        >>> truth = np.array([1, 0, 1, 0, 0], bool)
        >>> lesion_scores(np.array([1, 0, 0, 0, 1], bool), truth)["lesion_f1"]
        0.5
    """
    prediction, truth = check_masks(prediction, truth)
    box = bounding_box(prediction, truth)
    if box is None:
        return _scores(0, 0, 0, 0)
    prediction, truth = prediction[box], truth[box]
    # a run of voxels that both masks hold lies within one run of either
    shared = find_runs(prediction, truth)
    true_count, found = _components_with(truth, shared)
    found_count, right = _components_with(prediction, shared)
    return _scores(true_count, found, found_count, right)


def _components_with(mask: NDArray[np.bool_], shared: Runs) -> tuple[int, int]:
    """How many components a mask has, and in how many of them there is a shared run."""
    runs, numbers, count = number_runs(mask)
    hit = numbers[np.searchsorted(runs.starts, shared.starts, "right") - 1]
    return count, int(np.count_nonzero(np.bincount(hit, minlength=1)))


def _scores(true_count: int, found: int, found_count: int, right: int) -> dict[str, float]:
    recall = found / true_count if true_count else 1.0
    precision = right / found_count if found_count else 1.0
    total = recall + precision
    return {
        "lesion_recall": recall,
        "lesion_precision": precision,
        "lesion_f1": 2 * recall * precision / total if total else 0.0,
        "lesions_true": float(true_count),
        "lesions_predicted": float(found_count),
    }
