"""A segmentation network that learns from a classifier's maps instead of from masks.

The class of each image is known (that is all the classifier was told), so an image with a lesion
is labelled by its map of that class above a threshold, one without by nothing. The truth is used to
score, on images that neither network has seen, and for the same network under full supervision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import (
    Dataset,
    Split,
    copy_file,
    load_of,
    measure_fingerprint,
    open_dataset,
    read_label,
    write_label,
)
from segscope.experiments.trial import score_predictions
from segscope.explain.weak_labels import weak_label
from segscope.images import Case, Fingerprint, LabelMap
from segscope.inference import load_model, predict_cases
from segscope.studies.filtered import copy_description
from segscope.training import has_begun, plan_recipe, read_recipe, train_dataset


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


def train_on(
    dataset: Dataset, run: Path, split: Split, settings: Mapping[str, Any], *, seed: int
) -> None:
    """Train a U-Net planned from the split; the last weights count, as no true mask may choose."""
    if has_begun(run):  # as it was planned, on whatever machine
        text = (run / "fingerprint.json").read_text("utf-8")
        fingerprint, recipe = (
            Fingerprint.model_validate_json(text),
            read_recipe(run / "recipe.yaml"),
        )
    else:
        known = {*split.train, *split.val}
        shown = replace(dataset, training=tuple(c for c in dataset.training if c.name in known))
        fingerprint = measure_fingerprint(shown)
        recipe = plan_recipe(fingerprint, dict(settings), {"train": {"seed": seed, "patience": 0}})
    train_dataset(dataset, fingerprint, recipe, run, split=split, resume=has_begun(run))


def dice_of_run(run: Path, dataset: Dataset, cases: Sequence[Case]) -> dict[str, float]:
    """Predict images with a lesion by a run's last weights and score them with their true masks.

    Returns:
        Case to Dice; where nothing was found it is 0.
    """
    model = load_model(run, weights="last")
    predict_cases(model, cases, run / "test", overwrite=True, anyway=True)
    rows = score_predictions(run / "test", dataset, cases)
    return {str(row["case"]): float(row["scores"]["dice"]) for row in rows}
