"""What tells classes apart without any network: shortcuts that a classifier may have learned.

Where a plain figure of an image, such as its side or its sharpness, already sorts the classes, a
classifier's accuracy says nothing of lesions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.data import Dataset, load_of
from segscope.metrics import auc
from segscope.studies.rois import ABNORMAL
from segscope.training.classify_images import Labelled


@dataclass(frozen=True)
class Shortcut:
    """One plain figure.

    Args:
        name: What it is.
        auc: Of abnormal against the others: 0.5 tells nothing, 0 and 1 everything.
    """

    name: str
    auc: float


def plain_figures(image: NDArray[np.uint8]) -> dict[str, float]:
    """Figures of a grey image ``(H, W)`` that know nothing of its content.

    Example:
        >>> found = plain_figures(np.array([[0, 255], [255, 0]], np.uint8))
        >>> found["mean grey"], found["share of white"]
        (127.5, 0.5)
    """
    grey = image.astype(np.float64)
    return {
        "rows": float(image.shape[0]),
        "columns": float(image.shape[1]),
        "rows / columns": image.shape[0] / image.shape[1],
        "mean grey": float(grey.mean()),
        "deviation of grey": float(grey.std()),
        "sharpness": float(ndimage.laplace(grey).std()),
        "share of white": float((grey >= 250).mean()),  # burnt-in text and marks
        "share of black": float((grey <= 2).mean()),
        "middle less rim": _middle_less_rim(grey),
    }


def find_shortcuts(dataset: Dataset, images: Labelled) -> list[Shortcut]:
    """Measure how well each plain figure sorts abnormal images from the others."""
    positive = [images.classes[truth] == ABNORMAL for truth in images.truth]
    rows = [plain_figures(load_of(dataset, case).image.array[0]) for case in images.cases]
    return [Shortcut(name, auc(positive, [row[name] for row in rows])) for name in rows[0]]


def centred_map(shape: Sequence[int]) -> NDArray[np.uint8]:
    """Draw a cone, 255 in the middle and 0 at the corners: a map that has seen nothing.

    Example:
        >>> centred_map((3, 3)).tolist()
        [[0, 75, 0], [75, 255, 75], [0, 75, 0]]
    """
    sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    far = np.sqrt(sum(axis**2 for axis in np.meshgrid(*sides, indexing="ij")))
    found: NDArray[np.uint8] = np.round(255 * (1 - far / max(far.max(), 1e-12))).astype(np.uint8)
    return found


def _middle_less_rim(grey: NDArray[np.float64]) -> float:
    """Grey of the middle half less grey of what is around it."""
    rows, columns = grey.shape
    inside = np.zeros(grey.shape, bool)
    inside[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = True
    return float(grey[inside].mean() - grey[~inside].mean()) if (~inside).any() else 0.0
