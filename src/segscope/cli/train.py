"""``segscope train``: plan a training from a dataset and run it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from segscope.cli.options import ReplaceNonfinite, ResampleLabels, ResampleShear, reading

if TYPE_CHECKING:
    from segscope.training.recipe import Recipe


def train(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder with dataset.json.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run, new.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="A preset or a YAML file, whole or in part.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One value, e.g. train.epochs=50; repeat.")
    ] = None,
    fold: Annotated[int, typer.Option("-f", "--fold", help="Fold that validates, from 0.")] = 0,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds, split by subject.")] = 5,
    train_on: Annotated[
        str | None, typer.Option("--train-on", help="column=value,value of cases.csv; no folds.")
    ] = None,
    test_on: Annotated[
        str | None, typer.Option("--test-on", help="The same, of cases that validate.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of prepared cases, shared by runs.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Write OUTPUT.recipe.yaml to change it, and stop.")
    ] = False,
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    resample_labels: ResampleLabels = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a network on a dataset, planned from its fingerprint.

    Example: segscope train Dataset004_Hippocampus -o runs/hippocampus --set train.max_minutes=15
    """
    from segscope.data import measure_fingerprint, open_dataset, split_by_groups
    from segscope.errors import InputError
    from segscope.paths import is_folder, is_there, make_folder
    from segscope.studies.masks_run import mask_run
    from segscope.training import (
        check_run_folder,
        evaluate_validation,
        is_main_process,
        labelled,
        parse_settings,
        plan_run,
        reading_of,
        train_dataset,
        write_plan,
    )

    settings = [*(setting or []), *([f"train.device={device}"] if device else [])]
    check_run_folder(output, resume=resume)
    if cache is not None and is_there(cache) and not is_folder(cache):
        raise InputError(f"--cache {cache}: is there and is no folder; name another one")
    if cache is not None and not plan_only and not resume:
        make_folder(cache)
    chosen = (
        reading_of(output)
        if resume
        else reading(replace_nonfinite, resample_shear, resample_labels)
    )
    opened = open_dataset(dataset, reading=chosen)
    console = Console(stderr=True)
    for warning in opened.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)
    if (train_on is None) != (test_on is None):
        raise InputError("--train-on and --test-on: name both, or neither")
    split = None
    if train_on is not None and test_on is not None:
        split = split_by_groups(opened.folder, labelled(opened), train_on, test_on)
        rest = len(labelled(opened)) - len(split.train) - len(split.val)
        said = f"{len(split.train)} cases train, {len(split.val)} validate, {rest} do neither"
        console.print(said, highlight=False)
    fingerprint = measure_fingerprint(opened)
    planned = plan_run(
        fingerprint, output, preset=recipe, settings=parse_settings(settings), resume=resume
    )
    _describe(planned, console)
    if plan_only:
        console.print(f"plan written to {write_plan(planned, output)}", highlight=False)
        return
    opened = mask_run(opened, planned, output, fold=fold, folds=folds, split=split, resume=resume)
    progress = train_dataset(
        opened,
        fingerprint,
        planned,
        output,
        fold=fold,
        folds=folds,
        split=split,
        cache=cache,
        resume=resume,
    )
    if not is_main_process():  # one of several that trained together reports
        return
    summary = evaluate_validation(output, opened, device=planned.train.device)
    outcome = {
        "run": str(output),
        "epochs": progress.epoch,
        "steps": progress.step,
        "minutes": round(progress.elapsed_s / 60, 2),
        "best_epoch": progress.best_epoch,
        "validation_dice": summary.foreground_mean["dice"],
    }
    if as_json:
        typer.echo(json.dumps(outcome))
        return
    typer.echo(
        f"{output}: {progress.epoch} epochs in {outcome['minutes']} min, mean Dice of the "
        f"validation cases on their own grids {outcome['validation_dice']:.4f} "
        f"({output / 'validation' / 'summary.json'})"
    )


def _describe(recipe: "Recipe", console: Console) -> None:
    from segscope.training import estimated_memory_gb

    network, settings, plan = recipe.network, recipe.train, recipe.preprocessing
    memory = estimated_memory_gb(recipe.patch, network.widths, settings.batch_size)
    until = f"{settings.epochs} epochs of {settings.steps_per_epoch} steps"
    if settings.max_minutes:
        until += f", at most {settings.max_minutes:g} minutes"
    spacing = "as in the files" if plan.spacing_mm is None else plan.spacing_mm
    shown = f" (shown {recipe.inputs}, by {recipe.mask.method})" if recipe.mask else ""
    console.print(
        f"network {network.name}{shown} {plan.spatial_dims}D, widths {list(network.widths)}\n"
        f"patch {list(recipe.patch)}, batch {settings.batch_size}, spacing {spacing}, "
        f"about {memory:.1f} GB (as a plain U-Net)\n"
        f"loss {recipe.loss.name}, {until}",
        highlight=False,
        markup=False,
    )
