"""Detection of lesions: connected components, full connectivity, found when one voxel overlaps.

No true lesion: recall 1; no detection: precision 1; F1 is 0 when both are 0.
"""

import numpy as np
from numpy.typing import NDArray

from segscope.images.components import bounding_box, label_components


def lesion_scores(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Recall, precision and F1 of lesions, and their numbers.

    Example:
        >>> truth = np.array([1, 0, 1, 0, 0], bool)
        >>> lesion_scores(np.array([1, 0, 0, 0, 1], bool), truth)["lesion_f1"]
        0.5
    """
    box = bounding_box(prediction | truth)
    if box is None:
        return _scores(0, 0, 0, 0)
    prediction, truth = prediction[box], truth[box]
    true_numbers, true_count = label_components(truth)
    found_numbers, found_count = label_components(prediction)
    both = prediction & truth
    found = np.count_nonzero(np.bincount(true_numbers[both], minlength=1))
    right = np.count_nonzero(np.bincount(found_numbers[both], minlength=1))
    return _scores(true_count, int(found), found_count, int(right))


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
