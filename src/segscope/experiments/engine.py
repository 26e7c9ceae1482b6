"""An experiment from its plan to its page: write the trials, have them done, collect, lay out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segscope.data import Dataset, json_ready, write_json, write_text
from segscope.errors import InputError
from segscope.experiments.experiment import (
    Experiment,
    content_of,
    measure_cases,
    plan_trial,
    read_experiment,
    write_experiment,
)
from segscope.experiments.page import COMPARISON, Paper, write_page
from segscope.experiments.table import Outcome, collect
from segscope.experiments.trial import (
    Trial,
    await_trial,
    do_trial,
    make_trial,
    read_result,
    read_trial,
    write_trial,
)
from segscope.jobs import run_jobs


@dataclass(frozen=True)
class Planned:
    """An experiment whose trials are written down.

    Args:
        experiment: What is asked.
        trials: Every arm on every draw.
    """

    experiment: Experiment
    trials: tuple[Trial, ...]

    def done(self, folder: Path) -> int:
        """How many trials have a result."""
        return sum(read_result(folder, trial) is not None for trial in self.trials)


def plan_experiment(experiment: Experiment, dataset: Dataset, folder: Path) -> Planned:
    """Plan every trial from the cases it may learn from, and write them down.

    A trial that is there already is the same one, as its folder's name holds all that decides it.

    Raises:
        InputError: An arm makes no recipe; a case cannot be read.
    """
    before = _planned_before(experiment, folder)
    if before is not None:
        return before
    facts = measure_cases(dataset) if any(a.kind == "train" for a in experiment.arms) else {}
    planned = []
    for draw in experiment.draws:
        for arm in experiment.arms:
            recipe = fingerprint = None
            if arm.kind == "train":
                recipe, fingerprint = plan_trial(experiment, arm, draw, dataset, facts)
            planned.append((make_trial(experiment, arm, draw, recipe), fingerprint))
    write_experiment(experiment, folder)
    for trial, fingerprint in planned:
        write_trial(folder, trial, fingerprint)
    names = [trial.place for trial, _ in planned]
    write_json(folder / "trials.json", {"format": 1, "trials": names})
    return Planned(experiment, tuple(trial for trial, _ in planned))


def _planned_before(experiment: Experiment, folder: Path) -> Planned | None:
    """Read the trials of the same experiment: on another machine it is not planned otherwise."""
    if not (folder / "trials.json").is_file() or read_experiment(folder) != experiment:
        return None
    try:
        names = json.loads((folder / "trials.json").read_text("utf-8"))["trials"]
        pairs = [(draw, arm) for draw in experiment.draws for arm in experiment.arms]
        trials = [
            read_trial(folder / name, experiment, arm, draw)
            for name, (draw, arm) in zip(names, pairs, strict=True)
        ]
    except (ValueError, KeyError, TypeError, OSError):
        return None  # is planned and written anew; results that fit it are found again
    return Planned(experiment, tuple(trials)) if names == [t.place for t in trials] else None


def run_experiment(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    *,
    jobs: int = 1,
    ray: bool = False,
    paper: Paper = COMPARISON,
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Do all trials that are not done yet, and write tables and page.

    Args:
        experiment: What is compared.
        dataset: Its dataset, wherever it lies now.
        folder: Receives ``experiment.yaml``, ``trials/``, ``scores.csv``, ``outcome.json`` and
            ``report.html``.
        jobs: Trials at a time, which share the cores.
        ray: Hand them to Ray.
        paper: What the page has beyond a comparison's.
        say: Receives a line per trial, with the time that is left.

    Raises:
        InputError: Something cannot be read or planned.
        WorkError: Some trials failed; the others are kept, and the page is written from them.
    """
    planned = plan_experiment(experiment, dataset, folder)
    where, here = str(dataset.folder.resolve()), str(folder.resolve())
    try:
        # the second time there is something to do where others, or what was lost, held a trial
        for work in (do_trial, await_trial):
            todo = [trial for trial in planned.trials if read_result(folder, trial) is None]
            items = [(where, here, trial.place) for trial in todo]
            run_jobs(work, items, jobs=jobs, ray=ray, say=say)
    finally:
        outcome = collect(folder, experiment, planned.trials)
        if outcome.rows:
            write_outcome(outcome, dataset, folder, paper)
    return outcome


def write_outcome(outcome: Outcome, dataset: Dataset, folder: Path, paper: Paper) -> Path:
    """Write ``scores.csv``, ``outcome.json`` and ``report.html``."""
    write_text(folder / "scores.csv", outcome.to_csv())
    write_json(folder / "outcome.json", json_ready(outcome.to_dict()))
    return write_page(outcome, dataset, folder, paper)


def page_again(folder: Path, dataset: Dataset, paper: Paper = COMPARISON) -> Outcome:
    """Make tables and page again from the results that are there; nothing is trained.

    Raises:
        InputError: No experiment, of another dataset, or none of its trials is done.
    """
    experiment = read_experiment(folder)
    if content_of(dataset) != experiment.content:
        raise InputError(
            f"{dataset.folder}: is not the dataset of {folder}, or its files have changed; name "
            "the one that the comparison was begun with"
        )
    planned = plan_experiment(experiment, dataset, folder)
    outcome = collect(folder, experiment, planned.trials)
    if not outcome.rows:
        raise InputError(f"{folder}: none of its {len(planned.trials)} trials is done")
    write_outcome(outcome, dataset, folder, paper)
    return outcome
