"""An experiment from its plan to its page: write the trials, have them done, collect, lay out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segscope.data import Dataset, json_ready, write_json, write_text
from segscope.errors import InputError, WorkError
from segscope.experiments.arm import Arm
from segscope.experiments.carried import run_trials
from segscope.experiments.draw import Draw
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
from segscope.jobs import Item


@dataclass(frozen=True)
class Planned:
    """An experiment whose trials are written down.

    Args:
        experiment: What is asked.
        trials: Every arm on every draw.
        steps: What they come after, each after its own.
    """

    experiment: Experiment
    trials: tuple[Trial, ...]
    steps: tuple[Trial, ...] = ()

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
    trains = any(arm.kind == "train" for arm, _ in experiment.plan)
    facts = measure_cases(dataset) if trains else {}
    made: list[Trial] = []
    prints = []
    for arm, draw in experiment.plan:
        recipe = fingerprint = None
        if arm.kind == "train":
            recipe, fingerprint = plan_trial(experiment, arm, draw, dataset, facts)
        made.append(make_trial(experiment, arm, draw, recipe, _before(arm, draw, made)))
        prints.append(fingerprint)
    write_experiment(experiment, folder)
    for trial, fingerprint in zip(made, prints, strict=True):
        write_trial(folder, trial, fingerprint)
    write_json(folder / "trials.json", {"format": 1, "trials": [trial.place for trial in made]})
    return _planned(experiment, made)


def _planned_before(experiment: Experiment, folder: Path) -> Planned | None:
    """Read the trials of the same experiment: on another machine it is not planned otherwise."""
    if not (folder / "trials.json").is_file() or read_experiment(folder) != experiment:
        return None
    made: list[Trial] = []
    try:
        names = json.loads((folder / "trials.json").read_text("utf-8"))["trials"]
        for name, (arm, draw) in zip(names, experiment.plan, strict=True):
            before = _before(arm, draw, made)
            made.append(read_trial(folder / name, experiment, arm, draw, before))
    except (ValueError, KeyError, TypeError, OSError):
        return None  # is planned and written anew; results that fit it are found again
    return _planned(experiment, made) if names == [t.place for t in made] else None


def _before(arm: Arm, draw: Draw, made: Sequence[Trial]) -> tuple[Trial, ...]:
    """A step's trial on the same draw, or its only one where it has a draw of its own."""
    found = []
    for name in arm.after:
        of_step = [trial for trial in made if trial.arm.name == name]
        found.append(next((t for t in of_step if t.draw.name == draw.name), of_step[0]))
    return tuple(found)


def _planned(experiment: Experiment, made: Sequence[Trial]) -> Planned:
    compared = len(experiment.arms) * len(experiment.draws)
    return Planned(experiment, tuple(made[-compared:]), tuple(made[:-compared]))


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
        WorkError: Some trials, or measures of them, failed; the others are kept, and the page is
            written from them.
    """
    planned = plan_experiment(experiment, dataset, folder)
    try:
        _do_all(planned, dataset, folder, jobs=jobs, ray=ray, say=say)
    except (InputError, WorkError):
        _write_what_is_there(planned, dataset, folder, paper)
        raise
    return _write_what_is_there(planned, dataset, folder, paper)


def _write_what_is_there(planned: Planned, dataset: Dataset, folder: Path, paper: Paper) -> Outcome:
    """Measure what the study wants of the trials that are done, and lay it out in any case."""
    outcome = collect(folder, planned.experiment, planned.trials, planned.steps)
    if outcome.rows:
        try:
            paper.measure(outcome, dataset, folder)
        finally:
            write_outcome(outcome, dataset, folder, paper)
    return outcome


def _do_all(
    planned: Planned,
    dataset: Dataset,
    folder: Path,
    *,
    jobs: int,
    ray: bool,
    say: Callable[[str], None] | None,
) -> None:
    """Do the trials in waves; what comes after a trial that failed is not begun."""
    where, here = str(dataset.folder.resolve()), str(folder.resolve())
    everything = (*planned.steps, *planned.trials)
    by_place = {trial.place: trial for trial in everything}

    def needs(item: Item) -> list[str]:
        return [item[-1], *(one.place for one in by_place[item[-1]].after)]

    failed: list[InputError | WorkError] = []
    for wave in sorted({trial.wave for trial in everything}):
        try:
            # the second time there is something to do where others, or what was lost, held a trial
            for work in (do_trial, await_trial):
                todo = [
                    (where, here, trial.place)
                    for trial in everything
                    if trial.wave == wave
                    and read_result(folder, trial) is None
                    and all(read_result(folder, one) is not None for one in trial.after)
                ]
                run_trials(work, todo, needs=needs, jobs=jobs, ray=ray, say=say)
        except (InputError, WorkError) as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise WorkError("\n".join(str(error) for error in failed))


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
    outcome = collect(folder, experiment, planned.trials, planned.steps)
    if not outcome.rows:
        raise InputError(f"{folder}: none of its {len(planned.trials)} trials is done")
    write_outcome(outcome, dataset, folder, paper)
    return outcome
