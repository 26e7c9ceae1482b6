"""ANU-Net's levels L1 to L4, each on the test cases of every trial."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from segscope.data import Dataset
from segscope.experiments import Outcome, Trial, on_trials, open_trial, read_again, write_again
from segscope.experiments.statistics import Values, by_subject, mean_known
from segscope.inference import LevelRow, measure_levels

MAIN = "anunet"
_NAME = "levels_of_cases"


def measure_all_levels(
    outcome: Outcome, dataset: Dataset, folder: Path, *, jobs: int = 1, ray: bool = False
) -> None:
    """Prune and score the network of every trial of ANU-Net, where that was not done yet."""
    trials = trials_of(outcome, MAIN)
    on_trials(_measure, trials, dataset, folder, _NAME, jobs=jobs, ray=ray)


def read_levels(outcome: Outcome, folder: Path) -> tuple[int, list[LevelRow]]:
    """How many trials were measured, and their levels' means."""
    measured = _measured(outcome, folder)
    found = [[LevelRow(**row) for row in facts["levels"]] for facts in measured]
    return len(found), [mean_level(same) for same in zip(*found, strict=True)]


def level_values(outcome: Outcome, folder: Path, metric: str) -> dict[str, Values]:
    """Level (``L1``) to subject to ``dice`` or ``iou``: over trials, labels and cases the mean."""
    subjects = {str(row["case"]): str(row["subject"]) for row in outcome.rows}
    values: dict[str, list[tuple[str, str, float]]] = {}
    for facts in _measured(outcome, folder):
        for row in facts["cases"]:
            value = math.nan if row[metric] is None else float(row[metric])
            of_level = values.setdefault(f"L{row['level']}", [])
            of_level.append((subjects[row["case"]], row["case"], value))
    return {level: by_subject(found) for level, found in sorted(values.items())}


def trials_of(outcome: Outcome, arm: str) -> list[Trial]:
    """An arm's trials, in the draws' order."""
    return [trial for trial in outcome.trials if trial.arm.name == arm]


def mean_level(rows: Sequence[LevelRow]) -> LevelRow:
    """Average a level over trials; its cases are counted together.

    Example:
        >>> row = LevelRow(1, 9, 9, 0.1, 0.8, 0.7, 5, 0)
        >>> mean_level([row, LevelRow(1, 9, 9, 0.3, 0.6, 0.5, 4, 1)])  # doctest: +ELLIPSIS
        LevelRow(level=1, ..., seconds=0.2, dice=0.7, iou=0.6, cases=9, undefined=1)
    """
    return replace(
        rows[0],
        seconds=mean_known([row.seconds for row in rows]),
        dice=mean_known([row.dice for row in rows]),
        iou=mean_known([row.iou for row in rows]),
        cases=sum(row.cases for row in rows),
        undefined=sum(row.undefined for row in rows),
    )


def _measured(outcome: Outcome, folder: Path) -> list[dict[str, Any]]:
    found = [read_again(folder / trial.place, _NAME) for trial in trials_of(outcome, MAIN)]
    return [facts for facts in found if facts is not None]


def _measure(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    of_cases: list[dict[str, Any]] = []

    def receive(case: str, level: int, scores: list[tuple[float, float]]) -> None:
        dice, iou = (mean_known(values) for values in zip(*scores, strict=True))
        of_cases.append({"case": case, "level": level, "dice": dice, "iou": iou})

    dataset = trial.dataset
    rows = measure_levels(
        trial.model, trial.cases, labels=dataset.labels, reading=dataset.reading, receive=receive
    )
    write_again(trial.root, name, {"levels": [asdict(row) for row in rows], "cases": of_cases})
