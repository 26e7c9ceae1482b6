"""Training of classifiers on plane images: a split by group, one loop, early stopping.

recipe.yaml  split.json  fingerprint.json  manifest.json  classifier.json
weights_best, _last.safetensors  state.safetensors  log.csv  validation.csv  validation.json

A batch and its flips depend on (seed, epoch) alone; the state holds the rest, so that a training
that was killed and resumed ends with the same bits.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.nn import functional

from segscope.data import Dataset, json_ready, to_csv, write_json, write_text
from segscope.errors import InputError, WorkError
from segscope.features.state_dicts import Fitted, plain_state, rename_state
from segscope.images import Case
from segscope.inference.classify import (
    ClassifierModel,
    ClassifierSpec,
    build_classifier,
    class_probabilities,
    is_classifier,
    load_classifier,
    plane_facts,
    read_classifier_spec,
    read_plane_image,
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
from segscope.training.checkpoint import random_state, save_state
from segscope.training.classify_images import Labelled, labelled_images, split_images
from segscope.training.classify_recipe import ClassifyRecipe
from segscope.training.log import write_log
from segscope.training.restore import restore
from segscope.training.run_folder import (
    STATE,
    check_inputs,
    check_run_files,
    check_run_folder,
    locked,
    unchanging,
    write_run_manifest,
)
from segscope.training.validation import read_split


@dataclass
class Progress:
    """What a training has come to."""

    epoch: int = 0
    best_epoch: int = -1
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Classified:
    """How a run's classifier did on its validation images.

    Args:
        scores: Accuracy, AUC, sensitivity, specificity with their intervals.
        epochs: Trained.
        best_epoch: Whose weights were kept, from 0.
        minutes: Of training.
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
    check_run_folder(folder, resume=resume)
    images = labelled_images(dataset, recipe.column)
    if resume:  # as it was begun, whatever is asked for now
        facts = read_split(folder, "train")
        train, val = facts["train"], facts["val"]
    else:
        train, val = split or split_images(images, recipe.val_share, recipe.seed)
    _check_names(images, train, val, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    known, held = images.part(train), images.part(val)
    used = (*known.cases, *held.cases)
    device = choose_device(recipe.device)
    with locked(folder):
        with unchanging(used, dataset):
            inputs = hash_cases(used)
            if resume:
                check_run_files(folder)
                check_inputs(folder, inputs, dataset)
            pixels, others = _read(dataset, recipe, known), _read(dataset, recipe, held)
        spec = _spec(dataset, recipe, images.classes, pixels)
        net = build_classifier(spec, seed=recipe.seed)
        notes: tuple[str, ...] = ()
        if resume and is_classifier(folder) and read_classifier_spec(folder) != spec:
            raise InputError(
                f"{folder / 'recipe.yaml'}: gives another classifier than classifier.json of this "
                "run; put the old recipe and dataset back, or train anew in another folder"
            )
        if not resume:
            source, notes = _given_weights(net, recipe)
            _write_facts(folder, dataset, recipe, train, val)
            _write_fingerprint(folder, dataset, known)
            write_run_manifest(
                folder, dataset, inputs,
                seed=recipe.seed, device=str(device),
                weights=source, weights_notes=list(notes),
            )  # fmt: skip
        progress = _fit(
            # a sixth to a third faster on processors with these networks
            ClassifierModel(spec, net.to(device).to(memory_format=torch.channels_last)),
            _normalised(pixels, spec), known.truth,
            _normalised(others, spec), held.truth,
            recipe, folder, resume=resume,
        )  # fmt: skip
        check_inputs(folder, hash_cases(held.cases), dataset)  # which are read once more
        model = load_classifier(folder, device=recipe.device)
        scores = score_images(model, dataset, held, folder)
    return Classified(scores, progress.epoch, progress.best_epoch, progress.seconds / 60, notes)


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
    found = class_probabilities(model, _normalised(torch.stack(pixels), model.spec))
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


def _fit(
    model: ClassifierModel,
    x: Tensor,
    truth: Sequence[int],
    x_val: Tensor,
    truth_val: Sequence[int],
    recipe: ClassifyRecipe,
    folder: Path,
    *,
    resume: bool,
) -> Progress:
    net, device = model.net, model.device
    optimizer = torch.optim.AdamW(
        net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    y, y_val = torch.tensor(truth), torch.tensor(truth_val)
    progress = Progress()
    torch.manual_seed(recipe.seed)  # dropout draws from torch's generator
    if resume:
        progress = restore(folder / STATE, Progress, net, optimizer)

    def keep_state() -> None:
        state = {"weights": dict(net.state_dict()), "optimizer": optimizer.state_dict(),
                 "random": random_state(), "progress": asdict(progress)}  # fmt: skip
        save_state(folder / STATE, state)

    if not resume:  # from here on a run that ends can be resumed
        keep_state()
    started = time.monotonic() - progress.seconds
    while not _finished(progress, recipe):
        rate = _rate(recipe, progress.epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        net.train()
        losses = []
        for images, labels in _batches(x, y, recipe, progress.epoch):
            images = images.to(device, memory_format=torch.channels_last)
            loss = functional.cross_entropy(net(images), labels.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if not math.isfinite(loss.item()):
                raise WorkError(
                    f"the loss became {loss.item()} in epoch {progress.epoch}; lower learning_rate"
                )
            losses.append(loss.item())
        accuracy, val_loss = _held_out(model, x_val, y_val)
        row = {"epoch": float(progress.epoch), "train_loss": sum(losses) / len(losses),
               "learning_rate": rate, "val_loss": val_loss, "val_accuracy": accuracy}  # fmt: skip
        progress.rows.append(row)
        better = (accuracy, -val_loss) > (progress.best_accuracy, -progress.best_loss)
        if better:
            progress.best_accuracy, progress.best_loss = accuracy, val_loss
            progress.best_epoch = progress.epoch
            save_classifier(folder, model.spec, net, name="best")
        progress.epoch += 1
        progress.seconds = time.monotonic() - started
        save_classifier(folder, model.spec, net, name="last")
        write_log(folder, progress.rows)
        keep_state()
    return progress


def _rate(recipe: ClassifyRecipe, epoch: int) -> float:
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))


def _held_out(model: ClassifierModel, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Accuracy and mean cross entropy."""
    found = class_probabilities(model, x)
    truth = y.numpy()
    loss = -np.log(found[np.arange(len(truth)), truth] + 1e-12).mean()
    return float((found.argmax(1) == truth).mean()), float(loss)


def _finished(progress: Progress, recipe: ClassifyRecipe) -> bool:
    waited = progress.epoch - 1 - progress.best_epoch
    early = recipe.patience > 0 and progress.best_epoch >= 0 and waited >= recipe.patience
    return progress.epoch >= recipe.epochs or early


def _batches(
    x: Tensor, y: Tensor, recipe: ClassifyRecipe, epoch: int
) -> list[tuple[Tensor, Tensor]]:
    """Batches of nearly equal size (batch norm cannot learn from one image), flipped at random."""
    random = np.random.default_rng((recipe.seed, epoch))
    order = random.permutation(len(x))
    flips = random.random((len(x), 2)) < (0.5 if recipe.flips else 0.0)
    found = []
    for part in np.array_split(order, max(1, math.ceil(len(x) / recipe.batch_size))):
        images = [x[k].flip([1 + a for a in (0, 1) if flips[k, a]]) for k in part]
        found.append((torch.stack(images), y[torch.from_numpy(part)]))
    return found


def _pixels(dataset: Dataset, size: Sequence[int], case: Case) -> Tensor:
    image = read_plane_image(case, len(dataset.channel_names), dataset.reading)
    return resize_image(image, size)


def _read(dataset: Dataset, recipe: ClassifyRecipe, images: Labelled) -> Tensor:
    return torch.stack(
        [_pixels(dataset, recipe.size, case) for case in track(images.cases, "reading")]
    )


def _spec(
    dataset: Dataset, recipe: ClassifyRecipe, classes: tuple[str, ...], pixels: Tensor
) -> ClassifierSpec:
    deviation = pixels.double().std((0, 2, 3)).tolist()
    return ClassifierSpec(
        network=recipe.network,
        classes=classes,
        channel_names=dataset.channel_names,
        size=recipe.size,
        mean=tuple(pixels.double().mean((0, 2, 3)).tolist()),
        sd=tuple(sd if sd > 0 else 1.0 for sd in deviation),
    )


def _normalised(pixels: Tensor, spec: ClassifierSpec) -> Tensor:
    mean, sd = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.sd))
    return (pixels - mean) / sd


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


def _write_fingerprint(folder: Path, dataset: Dataset, images: Labelled) -> None:
    """Keep what the training images are like, for the images that come later."""
    channels = len(dataset.channel_names)
    facts = [plane_facts(case, channels, dataset.reading) for case in images.cases]
    found = training_facts(dataset.name, facts)
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
