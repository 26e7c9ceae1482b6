"""A training: from a dataset to a run that is planned, trained and scored."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import check_folder_name, is_folder, is_there
from segscope.workflows.arguments import check_device, check_settings
from segscope.workflows.opening import check_dataset_folder
from segscope.workflows.options import FileOptions, as_settings, to_log
from segscope.workflows.resume import as_it_stands, check_same_cases

if TYPE_CHECKING:
    from segscope.data import Dataset, ReadOptions, Split
    from segscope.images import Fingerprint
    from segscope.metrics.outcome import InShort
    from segscope.training import Recipe


_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class TrainOptions(FileOptions):
    """How a network is trained.

    Args:
        recipe: A preset, or a YAML file, whole or in part.
        settings: Values of the recipe: ``["train.epochs=50"]`` or ``{"train.epochs": 50}``.
        fold: Fold that validates, from 0, which is the default.
        folds: Folds, split by subject; 5 by default.
        train_on: ``column=value,value`` of cases.csv instead of folds.
        test_on: The same, of cases that validate.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; as in the recipe by default.
        cache: Folder of prepared cases, shared by runs.
        resume: Continue a stopped run, by the options that it was begun with, or none; begin it
            where there is none yet.
    """

    recipe: str | None = None
    settings: Mapping[str, Any] | tuple[str, ...] = ()
    fold: int | None = None
    folds: int | None = None
    train_on: str | None = None
    test_on: str | None = None
    device: str | None = None
    cache: Path | None = None
    resume: bool = False


@dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Args:
        run: Its folder.
        epochs: That were run, those before a resumption included.
        steps: The same.
        minutes: The same, from the first second of the command to the last.
        best_epoch: From 0.
        validation_dice: Mean Dice of the validation cases on their own grids, by the best weights;
            all scores are in ``validation/summary.json``. None where ``train.max_minutes`` had no
            time for it.
        outcome: The same by label with intervals over subjects, and the worst cases.
        remark: What the learning curve says of a training that was cut short or still learning.
    """

    run: Path
    epochs: int
    steps: int
    minutes: float
    best_epoch: int
    validation_dice: float | None
    outcome: "InShort | None" = None
    remark: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "run": str(self.run),
            "epochs": self.epochs,
            "steps": self.steps,
            "minutes": self.minutes,
            "best_epoch": self.best_epoch,
            "validation_dice": self.validation_dice,
            **({} if self.outcome is None else {"validation": self.outcome.to_dict()}),
            **({} if self.remark is None else {"remark": self.remark}),
        }


@dataclass(frozen=True)
class Planned:
    """A training that may begin: a dataset, which of its cases train, and a recipe."""

    dataset: "Dataset"
    split: "Split | None"
    fingerprint: "Fingerprint"
    recipe: "Recipe"


def train(
    dataset: Path,
    output: Path,
    options: TrainOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> Trained | None:
    """Train a network on a dataset, planned from its fingerprint, and score its validation cases.

    Args:
        dataset: nnU-Net v2 raw folder.
        output: Folder of the run, new.
        options: The defaults where not given.
        say: Receives a line on the dataset or the plan, before the training begins.

    Returns:
        What came out; None in all but the first of several processes that trained together.

    Raises:
        InputError: Options, dataset or folder are not usable; a case is refused.
        WorkError: Training failed in the middle.
    """
    started = time.monotonic()
    chosen = as_it_stands(options or TrainOptions(), output, say)
    planned = plan(dataset, output, chosen, say=say)

    from segscope.metrics.outcome import outcome_of
    from segscope.training import Budget, Training, evaluate_in_time, is_main_process, train_in_time
    from segscope.training.curve import curve_remark
    from segscope.workflows.masks import mask_run
    from segscope.workflows.train_quality import quality_in_time

    opened = mask_run(
        planned.dataset,
        planned.recipe,
        output,
        fold=chosen.fold or 0,
        folds=chosen.folds or _FOLDS,
        split=planned.split,
        resume=chosen.resume,
    )
    budget = Budget(started=started, say=say)
    training = Training(
        dataset=opened,
        fingerprint=planned.fingerprint,
        recipe=planned.recipe,
        folder=output,
        fold=chosen.fold or 0,
        folds=chosen.folds or _FOLDS,
        split=planned.split,
        cache=chosen.cache,
        resume=chosen.resume,
    )
    progress = train_in_time(training, budget)
    if not is_main_process():  # one of several that trained together reports
        return None
    device, store = planned.recipe.train.device, training.store
    summary = evaluate_in_time(output, opened, budget, device=device, store=store)
    quality_in_time(output, opened, budget, device=device, store=store)
    settings, subjects = planned.recipe.train, {c.name: c.subject or "" for c in opened.training}
    cut = settings.max_minutes is not None and progress.epoch < settings.epochs
    return Trained(
        run=output,
        epochs=progress.epoch,
        steps=progress.step,
        minutes=round(budget.elapsed_s() / 60, 2),
        best_epoch=progress.best_epoch,
        validation_dice=None if summary is None else summary.foreground_mean["dice"],
        outcome=None if summary is None else outcome_of(replace(summary, subjects=subjects)),
        remark=curve_remark(progress.rows, planned=settings.epochs, cut=cut),
    )


def plan(
    dataset: Path,
    output: Path,
    options: TrainOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> Planned:
    """Plan the same training, which is not begun; nothing is written."""
    chosen = options or TrainOptions()
    _check(chosen)
    check_dataset_folder(dataset)
    chosen = as_it_stands(chosen, output, say)

    from segscope.data import measure_fingerprint, open_dataset
    from segscope.training import check_run_folder, parse_settings, plan_run

    device = [f"train.device={chosen.device}"] if chosen.device else []
    settings = [*as_settings(chosen.settings), *device]
    check_run_folder(output, resume=chosen.resume)
    opened = open_dataset(dataset, reading=_reading(chosen, output))
    for warning in opened.warnings:
        say(f"warning: {warning}")
    split = _split(opened, chosen, say)
    if chosen.resume:
        check_same_cases(
            opened,
            output,
            fold=chosen.fold,
            folds=chosen.folds,
            split=split,
            asked=chosen.reading(),
        )
    fingerprint = measure_fingerprint(opened)
    recipe = plan_run(
        fingerprint,
        output,
        preset=chosen.recipe,
        settings=parse_settings(settings),
        resume=chosen.resume,
    )
    for line in describe(recipe, classes=len(opened.labels)):
        say(line)
    return Planned(opened, split, fingerprint, recipe)


def plan_only(
    dataset: Path,
    output: Path,
    options: TrainOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> Path:
    """Write the plan of a training to ``OUTPUT.recipe.yaml``, to be looked at or changed."""
    recipe = plan(dataset, output, options, say=say).recipe

    from segscope.training import write_plan

    return write_plan(recipe, output)


def describe(recipe: "Recipe", *, classes: int) -> list[str]:
    """Say what will be trained, in lines."""
    network, settings, plan = recipe.network, recipe.train, recipe.preprocessing
    until = f"{settings.epochs} epochs of {settings.steps_per_epoch} steps"
    if settings.max_minutes:
        until += f", at most {settings.max_minutes:g} minutes"
    spacing = "as in the files" if plan.spacing_mm is None else plan.spacing_mm
    shown = f" (shown {recipe.inputs}, by {recipe.mask.method})" if recipe.mask else ""
    if recipe.preprocessing.frame == "template":
        shown += " in the template's frame"
    return [
        f"network {network.name}{shown} {plan.spatial_dims}D, widths {list(network.widths)}",
        f"patch {list(recipe.patch)}, batch {settings.batch_size}, spacing {spacing}"
        f"{_memory(recipe, classes)}",
        f"loss {recipe.loss.name}, {until}",
    ]


def _memory(recipe: "Recipe", classes: int) -> str:
    """What a step will hold, in words; nothing where that is not known."""
    from segscope.training import recipe_memory_gb

    try:
        need = recipe_memory_gb(recipe, classes)
    except (ValueError, TypeError, RuntimeError):  # the training refuses this network by its name
        return ""
    return "" if need is None else f", about {need:.1f} GiB to train"


def _check(options: TrainOptions) -> None:
    """Refuse what needs no dataset to be seen."""
    check_settings(options.settings)
    check_device(options.device)
    cache = options.cache
    if cache is not None and is_there(cache) and not is_folder(cache):
        raise InputError(f"--cache {cache}: is there and is no folder; name another one")
    if cache is not None:
        check_folder_name(cache)
    if (options.train_on is None) != (options.test_on is None):
        raise InputError("--train-on and --test-on: name both, or neither")


def _reading(options: TrainOptions, output: Path) -> "ReadOptions":
    """How cases are read: a run goes on as it was begun."""
    from segscope.training import reading_of

    return reading_of(output) if options.resume else options.reading()


def _split(opened: "Dataset", options: TrainOptions, say: Callable[[str], None]) -> "Split | None":
    from segscope.data import split_by_groups
    from segscope.training import labelled

    if options.train_on is None or options.test_on is None:
        return None
    cases = labelled(opened)
    split = split_by_groups(opened.folder, cases, options.train_on, options.test_on)
    rest = len(cases) - len(split.train) - len(split.val)
    say(f"{len(split.train)} cases train, {len(split.val)} validate, {rest} do neither")
    return split
