"""What all studies ask and do alike: a paper's arms on draws of a dataset, by the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from segscope.data import Dataset, write_json
from segscope.errors import InputError
from segscope.experiments import (
    Arm,
    Draw,
    Outcome,
    Paper,
    Step,
    centre_draws,
    fold_draws,
    make_experiment,
    page_again,
    run_experiment,
)
from segscope.training import labelled
from segscope.training.recipe import merge

_FORMAT = 2


@dataclass(frozen=True)
class Asked:
    """What a user asks of any study.

    Args:
        budget: Name of the study's preset of sizes and epochs.
        settings: Nested recipe values, the same for all arms; they come last.
        folds: Each is tested once per seed; never more than there are subjects.
        seeds: How often all is repeated, with other folds, weights and samples.
        jobs: Trials at a time.
        ray: Hand them to Ray.
        page_only: Make tables and page again from the trials that are there.
        split: Column of ``cases.csv``, such as a centre: each of its values is tested once per
            seed, by what trained on the others; there are no folds.
    """

    budget: str = "minutes"
    settings: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 3
    seeds: int = 1
    jobs: int = 1
    ray: bool = False
    page_only: bool = False
    split: str | None = None


def arm_of(
    name: str, preset: Mapping[str, Any], budgets: Mapping[str, dict[str, Any]], asked: Asked
) -> Arm:
    """Put an arm together: the preset, the budget's values over it, and the user's over both.

    Raises:
        InputError: No such budget.
    """
    if asked.budget not in budgets:
        raise InputError(f"--budget {asked.budget}: expected one of {', '.join(budgets)}")
    return Arm(name=name, recipe=merge(merge(preset, budgets[asked.budget]), asked.settings))


def run_declared(
    dataset: Dataset,
    folder: Path,
    arms: Sequence[Arm],
    asked: Asked,
    *,
    metrics: Sequence[str],
    reference: str,
    paper: Paper,
    draws: Sequence[Draw] = (),
    steps: Sequence[Step] = (),
) -> Outcome:
    """Do a study's trials, or only its page again; what is done is taken as it is.

    Other settings are other trials, so none is ever shown under settings that are not its own.
    Draws are the folds that were asked for where none are given.

    Raises:
        InputError: The folder holds a study of the old form; something cannot be read or planned.
        WorkError: Some trials failed.
    """
    refuse_older(folder)
    if asked.page_only:
        return page_again(folder, dataset, paper)
    if not draws:
        draws = _draws(dataset, asked)
    experiment = make_experiment(
        dataset, arms, draws, reference=reference, metrics=metrics, steps=steps
    )
    return run_experiment(experiment, dataset, folder, jobs=asked.jobs, ray=asked.ray, paper=paper)


def refuse_older(folder: Path) -> None:
    """Refuse to go on with a study of a form that did not say all that decided its trials.

    Raises:
        InputError: The folder holds one.
    """
    listed = (folder / "trials.json").is_file() and not (folder / "experiment.yaml").is_file()
    if listed or (folder / "runs").is_dir():
        raise InputError(f"{folder}: holds a study of an older version; name a new folder")


def _draws(dataset: Dataset, asked: Asked) -> Sequence[Draw]:
    cases = labelled(dataset)
    if asked.split is not None:
        return centre_draws(dataset.folder, cases, column=asked.split, seeds=asked.seeds)
    folds = min(asked.folds, len({case.group for case in cases}))
    return fold_draws(cases, folds=folds, seeds=asked.seeds)


def read_paper(name: str) -> dict[str, Any]:
    """Read the numbers that a paper prints, from ``NAME_paper.yaml``.

    Example:
        >>> read_paper("siamese")["hold_out"]["content"]
        [0.79, 0.79]
    """
    return _data(f"{name}_paper")


def read_setup(name: str) -> list[dict[str, Any]]:
    """Read a paper's set-up: ``setup`` of ``NAME_setup.yaml``, or beside the paper's numbers.

    Example:
        >>> read_setup("anunet")[0]["what"], read_setup("cam")[0]["what"]
        ('sides of slices', 'networks')
    """
    own = (files("segscope.studies") / f"{name}_setup.yaml").is_file()
    found: list[dict[str, Any]] = _data(f"{name}_setup" if own else f"{name}_paper")["setup"]
    return found


def read_budgets(name: str) -> dict[str, dict[str, Any]]:
    """Read a study's budgets: name to recipe values, from minutes to the paper's set-up.

    Example:
        >>> list(read_budgets("anunet"))
        ['minutes', 'hours', 'paper']
    """
    found: dict[str, dict[str, Any]] = _data("budgets")[name]
    return found


def _data(name: str) -> dict[str, Any]:
    text = (files("segscope.studies") / f"{name}.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def write_facts(folder: Path, name: str, outcome: Outcome, **more: Any) -> None:
    """Write ``study.json``: the numbers of the outcome, and the study's own."""
    write_json(
        folder / "study.json", {"format": _FORMAT, "study": name, **outcome.to_dict(), **more}
    )
