"""What the trials of the classifier-map study came to: values by case, means by subject.

A subject's value is the mean over its regions, each first averaged over seeds and folds; all
intervals and tests are those of `segscope.experiments.statistics`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.experiments import Draw
from segscope.experiments.statistics import (
    Difference,
    Estimate,
    by_subject,
    differences,
    estimate,
    mean_known,
)
from segscope.explain.weak_labels import CRITERIA
from segscope.metrics import Interval, auc, drawn_area, grouped_intervals
from segscope.studies.cam_trials import ANEW, FILE, ORIGINAL, SUPERVISED, read_trial

Values = Mapping[str, float]
Reader = Callable[[Mapping[str, Any]], Values]
"""From a trial's result to the values of its cases."""


@dataclass(frozen=True)
class Done:
    """A trial that is done.

    Args:
        arm: Name of the classifier, or `SUPERVISED`.
        draw: On which.
        found: Its ``result.json``.
        place: Its folder within the study's.
    """

    arm: str
    draw: Draw
    found: Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class Outcome:
    """All that the page is a function of, but for the pictures that trials saved.

    Args:
        dataset: Its name.
        content: Hash of its files.
        budget: Name.
        settings: Recipe values of classifiers and U-Nets; the rest is as planned.
        regions: What is known of the regions without a network.
        done: Trials with a result.
        undone: Names of the others.
    """

    dataset: str
    content: str
    budget: str
    settings: Mapping[str, Any]
    regions: Mapping[str, Any]
    done: tuple[Done, ...]
    undone: tuple[str, ...]

    @property
    def networks(self) -> list[str]:
        """Classifiers with a trial that is done."""
        return list(dict.fromkeys(one.arm for one in self.done if one.arm != SUPERVISED))

    def of(self, arm: str) -> list[Done]:
        """Trials of an arm."""
        return [one for one in self.done if one.arm == arm]

    def draws(self) -> list[Draw]:
        """Draws with a classifier's trial that is done."""
        found = {one.draw.name: one.draw for one in self.done if one.arm != SUPERVISED}
        return list(found.values())

    def subjects(self, cases: Iterable[tuple[str, float | None]]) -> dict[str, float]:
        """Average cases, then subjects; None is undefined."""
        known = self.regions["subjects"]
        return by_subject(
            [(known[case], case, math.nan if value is None else value) for case, value in cases]
        )

    def values(self, arm: str, reader: Reader) -> dict[str, float]:
        """Subject to the mean of what ``reader`` finds in an arm's trials."""
        return self.subjects(item for one in self.of(arm) for item in reader(one.found).items())

    def estimate(self, arm: str, reader: Reader) -> Estimate:
        """Mean over subjects, with its interval."""
        return estimate(self.values(arm, reader))

    def of_trials(self, arm: str, number: Callable[[Mapping[str, Any]], float]) -> str:
        """Say a number that belongs to trials as a whole: mean and deviation over them."""
        return said({one.draw.name: number(one.found) for one in self.of(arm)})

    @cached_property
    def areas(self) -> dict[str, Interval]:
        """Classifier to the mean over draws of its test AUC; the interval is over subjects."""
        return {name: self._area(name) for name in self.networks}

    def _area(self, arm: str) -> Interval:
        rows = [
            (number, self.regions["subjects"][case], row["abnormal"] > 0, row["p"])
            for number, one in enumerate(self.of(arm))
            for case, row in one.found["trained"][ORIGINAL]["images"].items()
        ]
        draw, positive, p = (np.array([row[k] for row in rows]) for k in (0, 2, 3))

        def mean(area: Callable[..., float], at: Any) -> dict[str, float]:
            parts = [at[draw[at] == number] for number in range(len(self.of(arm)))]
            return {"auc": mean_known([area(positive[k], p[k]) for k in parts if len(k)])}

        whole = mean(auc, np.arange(len(rows)))
        groups = [row[1] for row in rows]
        return grouped_intervals(whole, lambda at: mean(drawn_area, at), groups)["auc"]

    @cached_property
    def pairs(self) -> dict[str, tuple[Difference, ...]]:
        """What is compared, by subject: classifiers with the first, U-Nets with true masks."""
        return {
            "test accuracy": self.compared(right(ORIGINAL)),
            "mean-Dice": self.compared(cam_dice),
            "Dice of the U-Net": self.against_masks(),
        }

    def compared(self, reader: Reader) -> tuple[Difference, ...]:
        """Every classifier against the first, paired by subject."""
        values = {name: self.values(name, reader) for name in self.networks}
        return differences(values, self.networks[0])

    def against_masks(self) -> tuple[Difference, ...]:
        """U-Nets that learned maps against the one that learned true masks, paired by subject."""
        if not self.of(SUPERVISED):
            return ()
        values = {SUPERVISED: self.values(SUPERVISED, lambda found: found["unet"])}
        for name in self.networks:
            for criterion in CRITERIA:
                values[f"{name}, {criterion}"] = self.values(name, weak(criterion, "unet"))
        return differences(values, SUPERVISED)


def right(kind: str) -> Reader:
    """Whether tested regions of one kind were put into the right class."""
    return lambda found: {
        case: row["right"] for case, row in found["trained"][kind]["images"].items()
    }


def cam_dice(found: Mapping[str, Any]) -> Values:
    """Mean-Dice of the predicted class's Grad-CAM of every abnormal region."""
    values: Values = found["mean_dice"]
    return values


def of_maps(*keys: str, part: str) -> Reader:
    """One score of the maps that lie in a result under ``keys``."""

    def read(found: Any) -> Values:
        for key in keys:
            found = found[key]
        return {row["case"]: row[part] for row in found}

    return read


def weak(criterion: str, arm: str) -> Reader:
    """Dice of the maps above a threshold, or of the U-Net that learned from them."""
    return lambda found: found["weak"][criterion][arm]


def of_layer(layer: str, part: str) -> Reader:
    """SA scores of a layer, ``ability`` or ``untrained``."""
    return lambda found: next(row[part] for row in found["layers"] if row["layer"] == layer)


def said(values: Values) -> str:
    """Say a mean, with the sample deviation and how many there are.

    Example:
        >>> said({"a": 0.5}), said({"a": 0.4, "b": 0.6})
        ('0.5 (n 1)', '0.5, sd 0.1414 (n 2)')
    """
    found = estimate(values)
    if found.n < 2:
        return f"{found.mean:.4g} (n {found.n})"
    return f"{found.mean:.4g}, sd {found.sd:.4g} (n {found.n})"


def is_done(root: Path) -> bool:
    """Whether a trial has a result."""
    return (root / "result.json").is_file()


def collect(folder: Path) -> Outcome:
    """Read the results of the study's trials.

    Raises:
        InputError: No study of this form; a file is damaged.
    """
    if not (folder / FILE).is_file():
        raise InputError(f"{folder}: holds no {FILE}; name the folder of a study cam")
    keys = ("dataset", "content", "budget", "settings")
    asked = read_record(folder / FILE, *keys, "regions", "trials")
    known = read_record(folder / asked["regions"] / "regions.json", "subjects", remedy=ANEW)
    done, undone = [], []
    for listed in asked["trials"]:
        root = folder / listed["place"]
        if not is_done(root):
            undone.append(f"{listed['arm']} {listed['draw']}")
            continue
        trial = read_trial(root)
        key = "unet" if trial.recipe is None else "trained"
        found = read_record(root / "result.json", key, remedy=ANEW)
        done.append(Done(trial.arm, trial.draw, found, listed["place"]))
    facts = {key: asked[key] for key in keys}
    return Outcome(**facts, regions=known, done=tuple(done), undone=tuple(undone))
