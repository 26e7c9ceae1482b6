"""Contours of predicted cases over their images, for pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data import Dataset, load_of, read_label
from segscope.images import Case
from segscope.inference.cases import target
from segscope.metrics import Summary
from segscope.preprocessing import orientation_to_ras, reorient
from segscope.report import Panel, widest_slice


def case_panels(
    dataset: Dataset, cases: Sequence[Case], folders: Mapping[str, Path], titles: Mapping[str, str]
) -> list[Panel]:
    """Draw cases with the truth and the predictions found in several folders.

    Volumes are turned to RAS and shown at the slice with the largest truth.

    Args:
        dataset: Of the cases.
        cases: In the order to show.
        folders: Name of a prediction to its folder.
        titles: Case name to what stands above it.
    """
    panels = []
    for case in cases:
        loaded = load_of(dataset, case)
        if loaded.label is None:
            continue
        arrays: list[NDArray[Any]] = [loaded.image.array, loaded.label.array]
        arrays += [read_label(target(case, folder)).array for folder in folders.values()]
        if loaded.image.grid.ndim == 3:
            turn = orientation_to_ras(loaded.image.grid)
            arrays = [reorient(array, turn) for array in arrays]
        image, truth, predictions = widest_slice(arrays[0], arrays[1], arrays[2:])
        panels.append(
            Panel(
                titles.get(case.name, case.name),
                image,
                truth,
                dict(zip(folders, predictions, strict=True)),
            )
        )
    return panels


def spread_of_cases(summary: Summary, count: int = 4) -> list[tuple[str, float]]:
    """Choose cases from the worst to the best mean Dice, at equal steps, so nothing is hidden."""
    names = dict.fromkeys(str(row["case"]) for row in summary.rows)
    scored = []
    for name in names:
        values = [row["dice"] for row in summary.rows if row["case"] == name]
        kept = [v for v in values if v == v]
        if kept:
            scored.append((name, float(np.mean(kept))))
    scored.sort(key=lambda item: item[1])
    places = np.unique(np.linspace(0, len(scored) - 1, min(count, len(scored))).round().astype(int))
    return [scored[k] for k in places]
