"""A run: from a dataset and a recipe to a folder with weights, log, split and evaluation.

recipe.yaml  fingerprint.json  split.json  splits_final.json  manifest.json
model.json  weights_best.safetensors  weights_last.safetensors
log.csv  tensorboard/  validation/ (predictions and summary of the validation cases)
.segscope/ (state.safetensors  lock  cache/: what only a training needs that goes on)
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segscope.data import (
    Cache,
    Dataset,
    Split,
    make_folds,
    read_splits,
    write_json,
    write_splits,
    write_text,
)
from segscope.errors import InputError
from segscope.images import Case, Fingerprint
from segscope.inference import (
    ModelSpec,
    TrainedModel,
    hash_cases,
    read_spec,
)
from segscope.inference.spec import MODEL
from segscope.progress import track
from segscope.training.budget import Budget, limit_of
from segscope.training.forecast import evaluation_seconds, seconds_a_pass
from segscope.training.loop import Progress
from segscope.training.packages import note_packages
from segscope.training.prepared import prepare_case
from segscope.training.recipe import Recipe, recipe_to_yaml
from segscope.training.run_folder import (
    CACHE,
    check_inputs,
    check_run_files,
    check_run_folder,
    hidden,
    locked,
    unchanging,
    write_run_manifest,
)
from segscope.training.segmentation import train_prepared
from segscope.training.setup import check_deepest, make_fabric, make_network, model_spec
from segscope.training.validation import read_split


@dataclass(frozen=True)
class Fold:
    """Which cases train and which validate."""

    number: int
    folds: int
    split: Split


def choose_fold(dataset: Dataset, *, fold: int, folds: int, seed: int) -> tuple[Fold, list[Split]]:
    """Split by subject, or take the dataset's own ``splits_final.json`` when it has one."""
    own = dataset.folder / "splits_final.json"
    splits = (
        list(read_splits(own, cases=labelled(dataset)))
        if own.is_file()
        else list(make_folds(labelled(dataset), folds=folds, seed=seed))
    )
    if not 0 <= fold < len(splits):
        raise InputError(f"--fold {fold}: there are {len(splits)} folds, 0 to {len(splits) - 1}")
    return Fold(fold, len(splits), splits[fold]), splits


def _fold_of(folder: Path, dataset: Dataset) -> tuple[Fold, list[Split]]:
    """The fold that a run was begun with, whatever is asked for now."""
    facts = read_split(folder, "train", "fold", "folds")
    split = Split(tuple(facts["train"]), tuple(facts["val"]))
    missing = sorted({*split.train, *split.val} - {case.name for case in labelled(dataset)})
    if missing:
        raise InputError(
            f"--resume: {dataset.folder} has no case {missing[0]} that the run was begun with; "
            "name the dataset it was trained on"
        )
    return Fold(facts["fold"], facts["folds"], split), [split]


def _check_split(split: Split, dataset: Dataset) -> None:
    """Refuse a split of the caller's that would only fail after the training."""
    known = {case.name for case in labelled(dataset)}
    strange = sorted({*split.train, *split.val} - known)
    both = sorted(set(split.train) & set(split.val))
    if strange or both:
        raise InputError(
            f"split: {strange[0]} is no labelled case of {dataset.folder}" if strange
            else f"split: {both[0]} trains and validates; leave it in one of the two"
        )  # fmt: skip
    for name, names in (("train", split.train), ("validate", split.val)):
        if not names or len(set(names)) < len(names):
            fault = "a case is named twice" if names else "there is no case"
            raise InputError(f"split: {fault} to {name} on; name some, each once")


def labelled(dataset: Dataset) -> tuple[Case, ...]:
    """Training cases that have a label map."""
    return tuple(case for case in dataset.training if case.label_file is not None)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is trained, on what, and where to.

    Args:
        dataset: With labelled training cases.
        fingerprint: Of that dataset.
        recipe: Complete; of the run itself when resuming.
        folder: The run; must not hold one already, unless ``resume``.
        fold: Which of the folds validates.
        folds: How many; ignored where the dataset brings ``splits_final.json``.
        split: Train and validate on these cases, instead of on a fold.
        cache: Where prepared cases are kept; the run's own folder by default.
        resume: Continue a training that was stopped.
    """

    dataset: Dataset
    fingerprint: Fingerprint
    recipe: Recipe
    folder: Path
    fold: int = 0
    folds: int = 5
    split: Split | None = None
    cache: Path | None = None
    resume: bool = False

    @property
    def store(self) -> Cache:
        """Where prepared cases are kept."""
        return Cache(self.cache or hidden(self.folder, CACHE))

    def choose(self) -> tuple[Fold, list[Split]]:
        """The fold of this training, and all folds."""
        if self.resume:
            return _fold_of(self.folder, self.dataset)
        if self.split is not None:
            _check_split(self.split, self.dataset)
            return Fold(0, 1, self.split), [self.split]
        seed = self.recipe.train.seed
        return choose_fold(self.dataset, fold=self.fold, folds=self.folds, seed=seed)


def train_dataset(
    dataset: Dataset,
    fingerprint: Fingerprint,
    recipe: Recipe,
    folder: Path,
    *,
    fold: int = 0,
    folds: int = 5,
    split: Split | None = None,
    cache: Path | None = None,
    resume: bool = False,
) -> Progress:
    """Train one fold, and nothing after it: see `train_in_time`, and `Training` for arguments."""
    training = Training(
        dataset=dataset,
        fingerprint=fingerprint,
        recipe=recipe,
        folder=folder,
        fold=fold,
        folds=folds,
        split=split,
        cache=cache,
        resume=resume,
    )
    return train_in_time(training, Budget(), evaluates=False)


def train_in_time(training: Training, budget: Budget, *, evaluates: bool = True) -> Progress:
    """Train one fold within the recipe's ``max_minutes``.

    Args:
        training: What is trained.
        budget: Its clock began with the command.
        evaluates: Whether `evaluate_in_time` follows, for which time is kept then.

    Raises:
        InputError: The folder holds a run, or none to resume, or one of which a file was changed;
            a case cannot be read, or changes while it is read, or has changed since the run was
            begun; there is nothing to train or validate on.
        WorkError: Another process works in this folder, or training failed in the middle.
    """
    dataset, recipe, folder = training.dataset, training.recipe, training.folder
    budget.limit_s = limit_of(recipe.train.max_minutes)
    check_run_folder(folder, resume=training.resume)
    _check_channels(recipe, dataset)
    chosen, splits = training.choose()
    recipe = note_packages(recipe, dataset)
    training = replace(training, recipe=recipe)
    folder.mkdir(parents=True, exist_ok=True)
    fabric = make_fabric(recipe)
    fabric.launch()
    spec = model_spec(recipe, dataset)
    by_name = {case.name: case for case in labelled(dataset)}
    known = [by_name[name] for name in chosen.split.train]
    held = [by_name[name] for name in chosen.split.val]
    with locked(folder) if fabric.is_global_zero else nullcontext():
        with unchanging([*known, *held], dataset):
            if fabric.is_global_zero:
                _begin(training, spec, chosen, splits, device=str(fabric.device))
            fabric.barrier()
            store = training.store
            prepared = [
                prepare_case(case, dataset, recipe.preprocessing, store)
                for case in track([*known, *held], "preparing")
            ]
        training_cases, others = prepared[: len(known)], prepared[len(known) :]
        model = TrainedModel(spec, make_network(spec, recipe.train.seed).to(fabric.device))
        check_deepest(model.segmenter, recipe, training_cases)
        limited = recipe.train.max_minutes is not None
        pass_s = seconds_a_pass(model) if limited or evaluates else 0.0
        if evaluates:
            budget.plan_evaluation(
                evaluation_seconds(model, held, others, pass_s=pass_s, most_s=budget.evaluation_s())
            )
            budget.plan_quality()
            if limited and not training.resume and fabric.is_global_zero:
                budget.say(budget.describe(budget.planned))
        return train_prepared(
            recipe,
            model,
            training_cases,
            others,
            folder=folder,
            fabric=fabric,
            budget=budget,
            pass_s=pass_s,
            resume=training.resume,
        )


def _check_channels(recipe: Recipe, dataset: Dataset) -> None:
    wanted = [channel.name for channel in recipe.preprocessing.channels]
    if len(dataset.channel_names) != len(wanted):
        raise InputError(
            f"{dataset.folder}: has the channels {', '.join(dataset.channel_names)}, the recipe is "
            f"for {', '.join(wanted)}"
        )


def _begin(
    training: Training, spec: ModelSpec, fold: Fold, splits: Sequence[Split], *, device: str
) -> None:
    """Write what a run is made from, or see that it still is."""
    dataset, folder = training.dataset, training.folder
    names = (*fold.split.train, *fold.split.val)
    by_name = {case.name: case for case in labelled(dataset)}
    inputs = hash_cases([by_name[name] for name in names])
    if training.resume:
        check_run_files(folder)
        _check_model(folder, spec)
        check_inputs(folder, inputs, dataset)
        return
    subjects = _numbered([by_name[name].group for name in fold.split.val])
    validated = dict(zip(fold.split.val, subjects, strict=True))
    _write_facts(folder, training, fold, splits, validated)
    write_run_manifest(folder, dataset, inputs, seed=training.recipe.train.seed, device=device)


def _check_model(folder: Path, spec: ModelSpec) -> None:
    """Refuse to go on where recipe and dataset now make another model than the run's."""
    if not (folder / MODEL).exists():  # no epoch has ended yet
        return
    known = read_spec(folder)
    other = [
        name for name in type(spec).model_fields if getattr(spec, name) != getattr(known, name)
    ]
    if other:
        raise InputError(
            f"{folder / 'recipe.yaml'}: gives another "
            f"{', '.join(other)} than {MODEL} of this run; put the old recipe and dataset back, or "
            "train anew in another folder"
        )


def _numbered(groups: Sequence[str]) -> list[int]:
    """Number subjects in the order in which they come: a run keeps no names of persons."""
    order = {group: k for k, group in enumerate(dict.fromkeys(groups), start=1)}
    return [order[group] for group in groups]


def _write_facts(
    folder: Path,
    training: Training,
    fold: Fold,
    splits: Sequence[Split],
    subjects: Mapping[str, int],
) -> None:
    dataset, recipe = training.dataset, training.recipe
    write_text(folder / "fingerprint.json", training.fingerprint.model_dump_json(indent=1))
    write_splits(folder / "splits_final.json", splits)
    facts: Mapping[str, Any] = {
        "dataset": str(dataset.folder.resolve()),
        "fold": fold.number,
        "folds": fold.folds,
        "train": list(fold.split.train),
        "val": list(fold.split.val),
        "subjects": dict(subjects),
        "reading": {
            "replace_nonfinite": dataset.reading.replace_nonfinite,
            "resample_shear": dataset.reading.resample_shear,
            "resample_labels": dataset.reading.resample_labels,
        },
    }
    write_json(folder / "split.json", facts)
    write_text(folder / "recipe.yaml", recipe_to_yaml(recipe))
