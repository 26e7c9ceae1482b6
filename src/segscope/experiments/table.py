"""Every score of an experiment as one tidy table, and what follows from it."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segscope.data import to_csv
from segscope.experiments.experiment import Experiment
from segscope.experiments.statistics import (
    Difference,
    Estimate,
    Ranks,
    by_subject,
    differences,
    estimate,
    mean_known,
    rank_stability,
)
from segscope.experiments.trial import Trial, read_result
from segscope.metrics import is_higher_better
from segscope.metrics.html_table import html_table

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What an experiment found; a page is a function of it.

    Args:
        experiment: What was asked.
        rows: One per trial, case and label.
        costs: Arm to its trials' facts: minutes, parameters, multiply-adds, learning curves.
        undone: Trials without a result.
        trials: All of them, done or not.
        steps: What they came after, done or not.
    """

    experiment: Experiment
    rows: tuple[Row, ...]
    costs: dict[str, tuple[Row, ...]]
    undone: tuple[str, ...]
    trials: tuple[Trial, ...] = ()
    steps: tuple[Trial, ...] = ()

    @property
    def sizes(self) -> list[int]:
        """Numbers of training subjects, where draws differ in that."""
        return sorted({draw.size for draw in self.experiment.draws if draw.size is not None})

    def of_size(self, size: int) -> "Outcome":
        """What was found with so many training subjects."""
        return self.of_draws([d.name for d in self.experiment.draws if d.size == size])

    def of_draws(self, names: Collection[str]) -> "Outcome":
        """What was found on some of the draws."""
        return replace(
            self,
            rows=tuple(row for row in self.rows if row["draw"] in names),
            costs={
                arm: tuple(cost for cost in found if cost["draw"] in names)
                for arm, found in self.costs.items()
            },
            trials=tuple(trial for trial in self.trials if trial.draw.name in names),
        )

    def by_trial(self) -> list[Row]:
        """One row per trial that is done and label: each metric's mean over the test subjects."""
        found = []
        for trial in self.trials:
            arm, part = trial.arm.name, self.of_draws([trial.draw.name])
            what = {"arm": arm, "subjects": trial.draw.size, "cases": len(trial.draw.train),
                    "seed": trial.draw.seed}  # fmt: skip
            for label in dict.fromkeys(row["label"] for row in part.rows if row["arm"] == arm):
                values = {m: part.values(arm, m, label) for m in self.experiment.metrics}
                means = {m: mean_known([*of.values()]) for m, of in values.items()}
                n = max(len(of) for of in values.values())
                found.append({**what, "draw": trial.draw.name, "label": label, **means, "n": n})
        return found

    def values(self, arm: str, metric: str, label: str | None = None) -> dict[str, float]:
        """Subject to value; over labels the mean of those that are defined in a case."""
        cases: dict[tuple[str, str, str], list[float]] = {}
        for row in self.rows:
            if row["arm"] == arm and label in (None, row["label"]):
                key = (row["subject"], row["case"], row["draw"])
                cases.setdefault(key, []).append(row.get(metric, math.nan))
        return by_subject([(s, c, mean_known(found)) for (s, c, _), found in cases.items()])

    def estimates(self, metric: str, label: str | None = None) -> dict[str, Estimate]:
        """Arm to its mean over subjects with interval, best first."""
        found = {a.name: estimate(self.values(a.name, metric, label)) for a in self._arms}
        sign = -1 if is_higher_better(metric) else 1
        return dict(sorted(found.items(), key=lambda item: _order(sign * item[1].mean)))

    def of_cases(self, arm: str, metric: str) -> dict[str, float]:
        """Case to value, for figures: over its labels, seeds and folds the mean."""
        cases: dict[str, list[float]] = {}
        for row in self.rows:
            if row["arm"] == arm:
                cases.setdefault(row["case"], []).append(row.get(metric, math.nan))
        return {case: mean_known(found) for case, found in cases.items()}

    def differences(self, metric: str) -> tuple[Difference, ...]:
        """Every arm against the reference."""
        values = {arm.name: self.values(arm.name, metric) for arm in self._arms}
        if self.experiment.reference not in values:
            return ()
        return differences(values, self.experiment.reference)

    def ranks(self, metric: str) -> Ranks:
        """How stable the order is."""
        values = {arm.name: self.values(arm.name, metric) for arm in self._arms}
        return rank_stability(values, higher_is_better=is_higher_better(metric))

    @property
    def _arms(self) -> list[Any]:
        there = {row["arm"] for row in self.rows}
        return [arm for arm in self.experiment.arms if arm.name in there]

    def to_csv(self) -> str:
        """All rows."""
        return to_csv(self.rows)

    def _repr_html_(self) -> str:
        """Arms with their means and intervals, as a notebook shows them."""
        rows = [
            [metric, arm, found.mean, found.low, found.high, found.n]
            for metric in self.experiment.metrics
            for arm, found in self.estimates(metric).items()
        ]
        return html_table(["metric", "arm", "mean", "low", "high", "n"], rows)

    def to_dict(self) -> dict[str, Any]:
        """Estimates, differences and ranks as plain numbers."""
        metrics = self.experiment.metrics
        return {
            "format": 1,
            "dataset": self.experiment.dataset,
            "reference": self.experiment.reference,
            "arms": {
                metric: {name: vars(one) for name, one in self.estimates(metric).items()}
                for metric in metrics
            },
            "differences": {
                metric: [
                    {"arm": d.arm, **vars(d.estimate), "p": d.p, "p_holm": d.p_holm,
                     "shown": d.shown}
                    for d in self.differences(metric)
                ]
                for metric in metrics
            },
            "ranks": {metric: vars(self.ranks(metric)) for metric in metrics},
            "undone": list(self.undone),
        }  # fmt: skip


def collect(
    folder: Path, experiment: Experiment, trials: Sequence[Trial], steps: Sequence[Trial] = ()
) -> Outcome:
    """Read the results of all trials.

    Raises:
        InputError: A result is damaged.
    """
    rows: list[Row] = []
    costs: dict[str, list[Row]] = {}
    undone = []
    for trial in trials:
        found = read_result(folder, trial)
        if found is None:
            undone.append(f"{trial.arm.name} {trial.draw.name}")
            continue
        rows += [flat_row(trial, row) for row in found["rows"]]
        cost = {key: value for key, value in found.items() if key not in ("rows", "format")}
        costs.setdefault(trial.arm.name, []).append({"draw": trial.draw.name, **cost})
    by_arm = {name: tuple(found) for name, found in costs.items()}
    return Outcome(experiment, tuple(rows), by_arm, tuple(undone), tuple(trials), tuple(steps))


def flat_row(trial: Trial, row: Mapping[str, Any]) -> Row:
    """Lay out a case's scores of one label, with what the trial is."""
    scores = {m: math.nan if v is None else float(v) for m, v in row["scores"].items()}
    return {
        "arm": trial.arm.name,
        "draw": trial.draw.name,
        "seed": trial.draw.seed,
        "case": row["case"],
        "subject": row["subject"],
        "label": row["label"],
        "status": row["status"],
        **scores,
    }


def _order(value: float) -> float:
    return math.inf if math.isnan(value) else value
