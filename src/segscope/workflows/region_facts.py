"""What can be said of regions without any network: what fills them, what tells classes apart.

Where a plain figure of an image, such as its side or its sharpness, already sorts the classes, a
classifier's accuracy says nothing of lesions.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from segscope.data import Dataset, load_of, read_label
from segscope.explain import centred_map, mean_dice
from segscope.images.planes import plain_figures
from segscope.metrics import (
    Interval,
    auc,
    count_agreement,
    drawn_area,
    grouped_intervals,
    overlap_scores,
)
from segscope.training.classify_images import Labelled, labelled_images
from segscope.workflows.rois import ABNORMAL


def region_facts(rois: Dataset) -> dict[str, Any]:
    """Measure regions before any network has seen them.

    Args:
        rois: With masks and classes, as `segscope.workflows.rois.extract_rois` writes them.

    Returns:
        ``subjects`` of all; of abnormal regions the Dice of calling them lesion as a ``whole`` and
        the mean-Dice of a cone in the middle (``centred``); ``shortcuts`` with intervals.
    """
    images = labelled_images(rois, "class")
    whole, centred = {}, {}
    for case in images.of_class(ABNORMAL).cases:
        assert case.label_file is not None  # regions have one
        mask = read_label(case.label_file).array > 0
        found = overlap_scores(count_agreement(np.ones_like(mask), mask))
        whole[case.name] = found["dice"]
        centred[case.name] = mean_dice(centred_map(mask.shape), mask)
    return {
        "subjects": {case.name: case.group for case in images.cases},
        "whole": whole,
        "centred": centred,
        "shortcuts": {name: asdict(one) for name, one in find_shortcuts(rois, images).items()},
    }


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
