"""A dataset labelled by a classifier's maps instead of by masks.

The class of each image is known (that is all the classifier was told), so an image with a lesion
is labelled by its map of that class above a threshold, one without by nothing.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from segscope.data import Dataset, copy_file, load_of, open_dataset, read_label, write_label
from segscope.explain.weak_labels import weak_label
from segscope.images import LabelMap
from segscope.workflows.filtered import copy_description


def label_weakly(
    dataset: Dataset, folder: Path, maps: Path, thresholds: Mapping[str, int]
) -> Dataset:
    """Write the dataset again with labels from maps.

    Args:
        dataset: Of regions.
        folder: New.
        maps: Folder with ``CASE.png`` of the images with a lesion.
        thresholds: Their names to what a label lies above; other images get empty labels.
    """
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for case in dataset.training:
        image = case.image_files[0]
        copy_file(image, folder / "imagesTr" / f"{case.name}_0000{dataset.file_ending}")
        loaded = load_of(dataset, case)
        labels = np.zeros(loaded.image.grid.shape, np.uint8)
        if case.name in thresholds:
            levels = read_label(maps / f"{case.name}.png").array.astype(np.uint8)
            labels = weak_label(levels, thresholds[case.name])
        grid = loaded.image.grid
        write_label(folder / "labelsTr" / f"{case.name}.png", LabelMap(labels, grid))
    copy_description(dataset, folder, "labelled by maps", file_ending=dataset.file_ending)
    return open_dataset(folder)
