"""Contours of predicted cases over their images, for pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from segscope.data import Dataset, load_of, read_label
from segscope.images import Case
from segscope.inference.cases import target
from segscope.metrics import Summary
from segscope.preprocessing import orientation_to_ras, reorient
from segscope.report.figures import Panel, widest_slice

T = TypeVar("T")


def case_panel(dataset: Dataset, case: Case, title: str, files: Mapping[str, Path]) -> list[Panel]:
    """Draw a case's image with the truth and predictions; nothing where there is none.

    Volumes are turned to RAS and shown at the slice with the largest truth.
    """
    if not files:
        return []
    loaded = load_of(dataset, case)
    assert loaded.label is not None  # test cases have one
    arrays: list[NDArray[Any]] = [loaded.image.array, loaded.label.array]
    arrays += [read_label(file).array for file in files.values()]
    if loaded.image.grid.ndim == 3:
        turn = orientation_to_ras(loaded.image.grid)
        arrays = [reorient(array, turn) for array in arrays]
    image, truth, found = widest_slice(arrays[0], arrays[1], arrays[2:])
    return [Panel(title, image, truth, dict(zip(files, found, strict=True)))]


def case_panels(
    dataset: Dataset, cases: Sequence[Case], folders: Mapping[str, Path], titles: Mapping[str, str]
) -> list[Panel]:
    """Draw cases with the truth and the predictions found in several folders.

    Args:
        dataset: Of the cases.
        cases: In the order to show.
        folders: Name of a prediction to its folder.
        titles: Case name to what stands above it.
    """
    panels = []
    for case in cases:
        if case.label_file is not None:
            files = {name: target(case, folder) for name, folder in folders.items()}
            panels += case_panel(dataset, case, titles.get(case.name, case.name), files)
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
    return at_equal_steps(scored, count)


def at_equal_steps(ordered: Sequence[T], count: int) -> list[T]:
    """Choose from the first to the last, at equal steps.

    Example:
        >>> at_equal_steps("abcdefg", 3), at_equal_steps("ab", 4)
        (['a', 'd', 'g'], ['a', 'b'])
    """
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    return [ordered[k] for k in np.unique(places)]
