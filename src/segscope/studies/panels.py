"""Contours of predicted cases over their images, for pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from segscope.data import Dataset
from segscope.experiments import case_panel
from segscope.images import Case
from segscope.inference.cases import target
from segscope.metrics import Summary
from segscope.report import Panel

T = TypeVar("T")


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
