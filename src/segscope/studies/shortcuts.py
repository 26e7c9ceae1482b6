"""What tells classes apart without any network: shortcuts that a classifier may have learned.

Where a plain figure of an image, such as its side or its sharpness, already sorts the classes, a
classifier's accuracy says nothing of lesions.
"""

import numpy as np

from segscope.data import Dataset, load_of
from segscope.images.planes import plain_figures
from segscope.metrics import Interval, auc, drawn_area, grouped_intervals
from segscope.training.classify_images import Labelled
from segscope.workflows.rois import ABNORMAL


def find_shortcuts(dataset: Dataset, images: Labelled) -> dict[str, Interval]:
    """Measure how well each plain figure sorts abnormal images from the others.

    Returns:
        Figure to its AUC, 0.5 tells nothing, 0 and 1 everything, with an interval over subjects.
    """
    positive = np.array([images.classes[truth] == ABNORMAL for truth in images.truth])
    rows = [plain_figures(load_of(dataset, case).image.array[0]) for case in images.cases]
    figures = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return grouped_intervals(
        {name: auc(positive, values) for name, values in figures.items()},
        lambda at: {name: drawn_area(positive[at], v[at]) for name, v in figures.items()},
        [case.group for case in images.cases],
    )
