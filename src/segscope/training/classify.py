"""Classifiers of images as a task of the training loop: split by group, batches, scores.

recipe.yaml  split.json  fingerprint.json  manifest.json  classifier.json
weights_best, _last.safetensors  log.csv  validation.csv  validation.json  .segscope/

A batch and its flips depend on (seed, epoch) alone; the loop's state holds the rest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.nn import functional

from segscope.data import Dataset, json_ready, to_csv, write_json, write_text
from segscope.errors import InputError
from segscope.features.state_dicts import Fitted, plain_state, rename_state
from segscope.images import Case
from segscope.inference.classify import (
    ClassifierModel,
    ClassifierSpec,
    build_classifier,
    class_probabilities,
    is_classifier,
    load_classifier,
    normalise_pixels,
    pixel_facts,
    read_classifier_spec,
    read_pixels,
    resize_image,
    save_classifier,
    training_facts,
)
from segscope.inference.device import choose_device
from segscope.inference.manifest import hash_cases
from segscope.inference.pretrained import PRETRAINED, pretrained_weights
from segscope.inference.run_files import FINGERPRINT
from segscope.inference.weights import load_weights
from segscope.metrics import Interval, classification_scores
from segscope.networks.classifiers import Classifier, take_weights
from segscope.progress import track
from segscope.training.budget import Budget, limit_of
from segscope.training.classify_images import Labelled, labelled_images, split_images
from segscope.training.classify_recipe import ClassifyRecipe
from segscope.training.loop import Course, Task, fit
from segscope.training.run_folder import (
    check_inputs,
    check_run_files,
    check_run_folder,
    locked,
    unchanging,
    write_run_manifest,
)
from segscope.training.setup import one_device
from segscope.training.validation import read_split

_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
"""Channels innermost: a sixth to a third faster on processors with these networks."""


@dataclass(frozen=True)
class Classified:
    """How a run's classifier did on its validation images.

    Args:
        scores: Accuracy, AUC, sensitivity, specificity with their intervals.
        epochs: Trained.
        best_epoch: Whose weights were kept, from 0.
        minutes: Of all, from the first second to the last.
        notes: What was changed in given weights.
    """

    scores: dict[str, Interval]
    epochs: int
    best_epoch: int
    minutes: float
    notes: tuple[str, ...] = ()


def train_classifier(
    dataset: Dataset,
    recipe: ClassifyRecipe,
    folder: Path,
    *,
    split: tuple[Sequence[str], Sequence[str]] | None = None,
    resume: bool = False,
) -> Classified:
    """Train on the dataset's training images and score the best weights on the held-out ones.

    Args:
        dataset: With ``cases.csv``; masks are not looked at.
        recipe: Of the run itself when resuming.
        folder: The run; must not hold one already, unless ``resume``.
        split: Names that train and that validate; drawn where not given.
        resume: Continue a training that was stopped.

    Raises:
        InputError: Images, classes, weights or the folder are not usable.
        WorkError: The loss is no longer finite; another process trains in this folder.
    """
    budget = Budget(limit_s=limit_of(recipe.max_minutes))
    check_run_folder(folder, resume=resume)
    images = labelled_images(dataset, recipe.column)
    if resume:  # as it was begun, whatever is asked for now
        split = _begun_split(folder)
    train, val = split or split_images(images, recipe.val_share, recipe.seed)
    _check_names(images, train, val, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    known, held = images.part(train), images.part(val)
    used = (*known.cases, *held.cases)
    fabric = one_device(choose_device(recipe.device))
    with locked(folder):
        with unchanging(used, dataset):
            inputs = hash_cases(used)
            if resume:
                check_run_files(folder)
                check_inputs(folder, inputs, dataset)
            pixels = _read(dataset, recipe, known)
            before = budget.elapsed_s()
            others = _read(dataset, recipe, held)
            budget.reserve_s = budget.elapsed_s() - before  # they are read once more at the end
        spec = _spec(dataset, recipe, images.classes, pixels)
        net = build_classifier(spec, seed=recipe.seed)
        notes: tuple[str, ...] = ()
        if resume:
            _check_spec(folder, spec)
        else:
            source, notes = _given_weights(net, recipe)
            _write_facts(folder, dataset, recipe, train, val)
            _write_fingerprint(folder, dataset, known, dims=len(recipe.size))
            write_run_manifest(
                folder, dataset, inputs, seed=recipe.seed, device=str(fabric.device),
                weights=source, weights_notes=list(notes),
            )  # fmt: skip
        net.to(fabric.device).to(memory_format=_LAST[len(recipe.size)])
        task = _task(
            ClassifierModel(spec, net),
            (normalise_pixels(pixels, spec), torch.tensor(known.truth)),
            (normalise_pixels(others, spec), torch.tensor(held.truth)),
            recipe,
            folder,
        )
        torch.manual_seed(recipe.seed)  # dropout draws from torch's generator
        course = _course(recipe, len(pixels))
        progress = fit(task, course, fabric, folder=folder, budget=budget, resume=resume)
        check_inputs(folder, hash_cases(held.cases), dataset)  # which are read once more
        model = load_classifier(folder, device=recipe.device)
        scores = score_images(model, dataset, held, folder)
    return Classified(scores, progress.epoch, progress.best_epoch, budget.elapsed_s() / 60, notes)


def _begun_split(folder: Path) -> tuple[Sequence[str], Sequence[str]]:
    facts = read_split(folder, "train")
    return facts["train"], facts["val"]


def _check_spec(folder: Path, spec: ClassifierSpec) -> None:
    """Refuse to go on where recipe and dataset now make another classifier than the run's."""
    if is_classifier(folder) and read_classifier_spec(folder) != spec:
        raise InputError(
            f"{folder / 'recipe.yaml'}: gives another classifier than classifier.json of this "
            "run; put the old recipe and dataset back, or train anew in another folder"
        )


def _check_names(
    images: Labelled, train: Sequence[str], val: Sequence[str], dataset: Dataset
) -> None:
    """Refuse a split that would only fail after the training, or name what is not there."""
    strange = sorted({*train, *val} - {case.name for case in images.cases})
    if strange or not train or not val or set(train) & set(val):
        said = f"{strange[0]} is not there" if strange else "each side needs images of its own"
        raise InputError(f"split: {said}; name training images of {dataset.folder} on both sides")


def score_images(
    model: ClassifierModel, dataset: Dataset, images: Labelled, folder: Path
) -> dict[str, Interval]:
    """Classify images of known class; write ``validation.csv`` and ``validation.json``."""
    pixels = [_pixels(dataset, model.spec.size, case) for case in images.cases]
    found = class_probabilities(model, normalise_pixels(torch.stack(pixels), model.spec))
    groups = [case.group for case in images.cases]
    scores = classification_scores(images.truth, found, images.classes, groups=groups)
    rows = [
        {
            "case": case.name,
            "class": images.classes[truth],
            "predicted": images.classes[int(values.argmax())],
            **{f"p({name})": float(p) for name, p in zip(images.classes, values, strict=True)},
        }
        for case, truth, values in zip(images.cases, images.truth, found, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "validation.csv", to_csv(rows))
    facts = {"n": len(rows), "scores": {name: asdict(value) for name, value in scores.items()}}
    write_json(folder / "validation.json", json_ready({"format": 1, **facts}))
    return scores


def _task(
    model: ClassifierModel,
    known: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    recipe: ClassifyRecipe,
    folder: Path,
) -> Task:
    net = model.net
    return Task(
        net=net,
        model=net,
        optimizer=torch.optim.AdamW(
            net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        ),
        batches=lambda epoch: _batches(*known, recipe, epoch),
        loss=lambda scores, y, x: functional.cross_entropy(scores, y),
        validate=lambda: _held_out(model, *held),
        rank=lambda found: (found["accuracy"], -found["loss"]),
        headline="accuracy",
        keep=lambda name: save_classifier(folder, model.spec, net, name=name),
        remedy="lower learning_rate",
        smaller="batch_size or size",
    )


def _course(recipe: ClassifyRecipe, images: int) -> Course:
    return Course(
        epochs=recipe.epochs,
        steps_per_epoch=_parts(images, recipe),
        max_minutes=recipe.max_minutes,
        learning_rate=recipe.learning_rate,
        schedule=recipe.schedule,
        rate_each="epoch",
        patience=recipe.patience,
    )


def _held_out(model: ClassifierModel, x: Tensor, y: Tensor) -> dict[str, float]:
    """Mean cross entropy and accuracy."""
    found = class_probabilities(model, x)
    truth = y.numpy()
    loss = -np.log(found[np.arange(len(truth)), truth] + 1e-12).mean()
    return {"loss": float(loss), "accuracy": float((found.argmax(1) == truth).mean())}


def _parts(images: int, recipe: ClassifyRecipe) -> int:
    """Batches of an epoch."""
    return max(1, math.ceil(images / recipe.batch_size))


def _batches(
    x: Tensor, y: Tensor, recipe: ClassifyRecipe, epoch: int
) -> list[tuple[Tensor, Tensor]]:
    """Batches of nearly equal size (batch norm cannot learn from one image), flipped at random."""
    random = np.random.default_rng((recipe.seed, epoch))
    order = random.permutation(len(x))
    axes = range(x.ndim - 2)
    flips = random.random((len(x), len(axes))) < (0.5 if recipe.flips else 0.0)
    found = []
    for part in np.array_split(order, _parts(len(x), recipe)):
        images = [x[k].flip([1 + a for a in axes if flips[k, a]]) for k in part]
        shown = torch.stack(images).to(memory_format=_LAST[len(axes)])
        found.append((shown, y[torch.from_numpy(part)]))
    return found


def _pixels(dataset: Dataset, size: Sequence[int], case: Case) -> Tensor:
    image = read_pixels(case, len(dataset.channel_names), dataset.reading, dims=len(size))
    return resize_image(image, size)


def _read(dataset: Dataset, recipe: ClassifyRecipe, images: Labelled) -> Tensor:
    return torch.stack(
        [_pixels(dataset, recipe.size, case) for case in track(images.cases, "reading")]
    )


def _spec(
    dataset: Dataset, recipe: ClassifyRecipe, classes: tuple[str, ...], pixels: Tensor
) -> ClassifierSpec:
    places = (0, *range(2, pixels.ndim))
    deviation = pixels.double().std(places).tolist()
    return ClassifierSpec(
        network=recipe.network,
        classes=classes,
        channel_names=dataset.channel_names,
        size=recipe.size,
        mean=tuple(pixels.double().mean(places).tolist()),
        sd=tuple(sd if sd > 0 else 1.0 for sd in deviation),
    )


def _given_weights(net: Classifier, recipe: ClassifyRecipe) -> tuple[str, tuple[str, ...]]:
    """Put in the weights that training starts from; say where they came from, what was changed."""
    if recipe.weights == "random":
        return recipe.weights, ()
    if recipe.weights == PRETRAINED:
        state, source = pretrained_weights(recipe.network)
    else:
        state, source = load_weights(Path(recipe.weights)), recipe.weights
    own = net.state_dict()
    named = _as_the_body(recipe.weights, state, own)
    kinds = {key: own.get(key, own.get(f"body.{key}", value)).dtype
             for key, value in named.state.items()}  # fmt: skip
    plain = plain_state(recipe.weights, named.state, kinds)
    notes = (*getattr(state, "notes", ()), *named.notes, *plain.notes)
    try:
        return source, (*notes, *take_weights(net, plain.state))
    except ValueError as error:
        raise InputError(f"weights {recipe.weights}: {error}") from None


def _as_the_body(name: str, state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Fitted:
    """Take a prefix off, of names that are the classifier's own or those of its body."""
    for names in ([*own], [key.removeprefix("body.") for key in own]):
        found = rename_state(name, state, names)
        if found.state.keys() == set(names):
            return found
    return Fitted(dict(state))


def _write_fingerprint(folder: Path, dataset: Dataset, images: Labelled, *, dims: int) -> None:
    """Keep what the training images are like, for the images that come later."""
    channels = len(dataset.channel_names)
    facts = [pixel_facts(case, channels, dataset.reading, dims=dims) for case in images.cases]
    found = training_facts(dataset.name, facts, dims=dims)
    write_text(folder / FINGERPRINT, found.model_dump_json(indent=1))


def _write_facts(
    folder: Path,
    dataset: Dataset,
    recipe: ClassifyRecipe,
    train: Sequence[str],
    val: Sequence[str],
) -> None:
    split = {"dataset": str(dataset.folder.resolve()), "fold": 0, "folds": 1,
             "train": list(train), "val": list(val)}  # fmt: skip
    write_json(folder / "split.json", split)
    values = recipe.model_dump(mode="json")
    write_text(folder / "recipe.yaml", yaml.safe_dump(values, sort_keys=False))
