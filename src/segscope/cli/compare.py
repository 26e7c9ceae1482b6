"""``segscope compare``: recipes, runs or predictions, on the same test cases, with intervals."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segscope.cli.options import AsJson, DatasetFolder, PageOnly, Settings, SplitColumn

if TYPE_CHECKING:
    from segscope.data import Dataset
    from segscope.experiments import Draw, Outcome


def compare(
    dataset: DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the comparison.")],
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", help='NAME, NAME=FILE.yaml, "NAME: key=value", NAME=run:FOLDER.'),
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Arm to compare with; the first.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts, each tested once.")] = 5,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Times that all is repeated.")] = 1,
    split: SplitColumn = None,
    train_on: Annotated[
        str | None, typer.Option("--train-on", help="column=value,value of cases.csv; no folds.")
    ] = None,
    test_on: Annotated[
        str | None, typer.Option("--test-on", help="The same, of cases that are tested.")
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="plan, minutes or hours: sizes and epochs of all arms.")
    ] = "plan",
    setting: Settings = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Repeat; the first one ranks.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials at a time.")] = 1,
    ray: Annotated[bool, typer.Option("--ray", help="Hand trials to Ray.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan and list the trials, and stop.")
    ] = False,
    page_only: PageOnly = False,
    as_json: AsJson = False,
) -> None:
    """Compare recipes, runs or predictions on test cases that choose nothing.

    Every arm is trained and tested on the same draws of subjects. A comparison that was stopped
    goes on where it was when it is started again, also after it was moved; other settings are
    other trials.

    Example: segscope compare Dataset004_Hippocampus -o cmp --arm unet --arm "tv: loss.name=tversky"
    """
    _check(dataset, budget, setting or [])

    from segscope.experiments import (
        BUDGETS,
        make_experiment,
        page_again,
        parse_arm,
        plan_experiment,
        run_experiment,
    )
    from segscope.training import parse_settings
    from segscope.training.recipe import merge
    from segscope.workflows.opening import open_folder

    arms = [parse_arm(text) for text in arm or []]
    opened = open_folder(dataset)
    if page_only:
        _print(page_again(output, opened), output, as_json=as_json)
        return
    experiment = make_experiment(
        opened,
        arms,
        _draws(opened, folds=folds, seeds=seeds, split=split, train_on=train_on, test_on=test_on),
        reference=reference,
        metrics=metric or ("dice", "hd95_mm"),
        changes=merge(BUDGETS[budget], parse_settings(setting or [])),
    )
    if dry_run:
        planned = plan_experiment(experiment, opened, output)
        for trial in planned.trials:
            typer.echo(trial.place)
        typer.echo(f"{len(planned.trials)} trials, {planned.done(output)} done")
        return
    say = partial(typer.echo, err=True)
    outcome = run_experiment(experiment, opened, output, jobs=jobs, ray=ray, say=say)
    _print(outcome, output, as_json=as_json)


def _check(dataset: Path, budget: str, settings: list[str]) -> None:
    """Refuse, before anything is loaded, what cannot be compared."""
    from segscope.workflows.arguments import check_choice, check_settings
    from segscope.workflows.opening import check_dataset_folder

    check_dataset_folder(dataset)
    check_choice("--budget", budget, ("minutes", "hours", "plan"))
    check_settings(settings)


def _draws(
    dataset: "Dataset",
    *,
    folds: int,
    seeds: int,
    split: str | None,
    train_on: str | None,
    test_on: str | None,
) -> "tuple[Draw, ...]":
    from segscope.errors import InputError
    from segscope.experiments import centre_draws, fold_draws, group_draws
    from segscope.training import labelled

    if (train_on is None) != (test_on is None):
        raise InputError("--train-on and --test-on: name both, or neither")
    if split is not None and train_on is not None:
        raise InputError("--split and --train-on exclude each other: name one of them")
    cases = labelled(dataset)
    if split is not None:
        return centre_draws(dataset.folder, cases, column=split, seeds=seeds)
    if train_on is not None and test_on is not None:
        return group_draws(dataset.folder, cases, train_on=train_on, test_on=test_on, seeds=seeds)
    return fold_draws(cases, folds=folds, seeds=seeds)


def _print(outcome: "Outcome", output: Path, *, as_json: bool) -> None:
    from segscope.data import json_ready
    from segscope.experiments import answer

    facts: dict[str, Any] = outcome.to_dict()
    if as_json:
        typer.echo(json.dumps(json_ready(facts)))
        return
    for metric in outcome.experiment.metrics:
        for name, found in outcome.estimates(metric).items():
            typer.echo(f"{metric:10s} {name:24s} {found}")
    for sentence in answer(outcome, outcome.experiment.metrics[0]):
        typer.echo(sentence)
    typer.echo(f"page: {output / 'report.html'}")
