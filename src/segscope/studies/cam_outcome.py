"""What the classifiers of the classifier-map study came to: values by case, means by subject.

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

from segscope.data import Dataset
from segscope.experiments import Draw, Outcome
from segscope.experiments.statistics import (
    Difference,
    Estimate,
    by_subject,
    differences,
    estimate,
    mean_known,
)
from segscope.experiments.trial import read_result
from segscope.metrics import Interval, auc, drawn_area, grouped_intervals
from segscope.studies.cam_regions import ORIGINAL, known_of

SUPERVISED = "true masks"
"""The arm that the U-Nets which learn from maps are compared with."""

Values = Mapping[str, float]
Reader = Callable[[Mapping[str, Any]], Values]
"""From a classifier's result to the values of its cases."""


@dataclass(frozen=True)
class Done:
    """A classifier's trial that is done.

    Args:
        arm: Name of the classifier.
        draw: On which.
        found: Its ``result.json``.
        place: Its folder within the study's.
    """

    arm: str
    draw: Draw
    found: Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class Classifiers:
    """What a study found: its classifiers, and its U-Nets as any comparison's arms.

    Args:
        outcome: Of the U-Nets.
        regions: What is known of the regions without a network.
        done: The classifiers' trials with a result.
        undone: Names of the others.
    """

    outcome: Outcome
    regions: Mapping[str, Any]
    done: tuple[Done, ...]
    undone: tuple[str, ...]

    @property
    def networks(self) -> list[str]:
        """Classifiers with a trial that is done."""
        return list(dict.fromkeys(one.arm for one in self.done))

    @property
    def settings(self) -> dict[str, Mapping[str, Any]]:
        """Recipe values of classifiers and U-Nets; the rest is as planned."""
        step, arm = self.outcome.experiment.steps[0].arm, self.outcome.experiment.arms[0]
        return {"classifiers": step.options["settings"], "U-Nets": arm.options["unet"]}

    def of(self, arm: str) -> list[Done]:
        """Trials of a classifier."""
        return [one for one in self.done if one.arm == arm]

    def draws(self) -> list[Draw]:
        """Draws with a classifier's trial that is done."""
        return list({one.draw.name: one.draw for one in self.done}.values())

    def subjects(self, cases: Iterable[tuple[str, float | None]]) -> dict[str, float]:
        """Average cases, then subjects; None is undefined."""
        known = self.regions["subjects"]
        return by_subject(
            [(known[case], case, math.nan if value is None else value) for case, value in cases]
        )

    def values(self, arm: str, reader: Reader) -> dict[str, float]:
        """Subject to the mean of what ``reader`` finds in a classifier's trials."""
        return self.subjects(item for one in self.of(arm) for item in reader(one.found).items())

    def estimate(self, arm: str, reader: Reader) -> Estimate:
        """Mean over subjects, with its interval."""
        return estimate(self.values(arm, reader))

    def of_trials(self, arm: str, number: Callable[[Mapping[str, Any]], float]) -> str:
        """Describe a number of trials as a whole: mean and deviation over them."""
        return described({one.draw.name: number(one.found) for one in self.of(arm)})

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
        """Classifiers compared with the first, by subject."""
        return {
            "test accuracy": self.compared(right(ORIGINAL)),
            "mean-Dice": self.compared(cam_dice),
        }

    def compared(self, reader: Reader) -> tuple[Difference, ...]:
        """Every classifier against the first, paired by subject."""
        values = {name: self.values(name, reader) for name in self.networks}
        return differences(values, self.networks[0]) if values else ()


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


def weak(criterion: str) -> Reader:
    """Dice of the maps above a threshold."""
    return lambda found: found["weak"][criterion]


def of_layer(layer: str, part: str) -> Reader:
    """SA scores of a layer, ``ability`` or ``untrained``."""
    return lambda found: next(row[part] for row in found["layers"] if row["layer"] == layer)


def unet_of(classifier: str, criterion: str) -> str:
    """Name of the arm that learns from a classifier's maps."""
    return f"{classifier} ({criterion})"


def described(values: Values) -> str:
    """Describe a mean, with the sample deviation and how many there are.

    Example:
        >>> described({"a": 0.5}), described({"a": 0.4, "b": 0.6})
        ('0.5 (n 1)', '0.5, sd 0.1414 (n 2)')
    """
    found = estimate(values)
    if found.n < 2:
        return f"{found.mean:.4g} (n {found.n})"
    return f"{found.mean:.4g}, sd {found.sd:.4g} (n {found.n})"


def read_classifiers(outcome: Outcome, rois: Dataset, folder: Path) -> Classifiers:
    """Read the results of the study's classifiers.

    Args:
        outcome: Of its U-Nets.
        rois: The regions.
        folder: Of the study.

    Raises:
        InputError: A file is damaged.
    """
    done, undone = [], []
    for trial in outcome.steps:
        found = read_result(folder, trial)
        if found is None:
            undone.append(f"{trial.arm.name} {trial.draw.name}")
        else:
            done.append(Done(trial.arm.name, trial.draw, found, trial.place))
    return Classifiers(outcome, known_of(rois), tuple(done), tuple(undone))
