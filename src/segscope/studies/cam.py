"""The classifier-map paper's experiments on any dataset with masks.

What the paper shows and what is made here:

    Table I           accuracy, averaged mean-Dice of maps         `Outcome.trained`, `.mean_dice`
    Table II, Fig. 8  learning again from what maps or masks keep  `Outcome.trained`
    Figs. 7, 9, 10    maps and filtered regions                    `studies.cam_page`
    experiment 3      a U-Net that learns from maps                `Outcome.weak`
    beyond            six ways to make maps; layers' SA scores     `Outcome.methods`, `.layers`

Each draw parts the regions, by subject, into those that train, that choose weights, and that are
only tested; all networks and filters share it. Every run is a folder of its own and a file that
says what it is: runs may be made in any order, and those that are finished are taken as they are.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import (
    Dataset,
    Split,
    json_ready,
    open_dataset,
    write_json,
)
from segscope.errors import InputError
from segscope.explain import CAM_METHODS, mean_dice
from segscope.explain.weak_labels import CRITERIA
from segscope.inference.classify import load_classifier
from segscope.metrics import Interval
from segscope.networks import CLASSIFIERS
from segscope.studies.cam_run import CamRow
from segscope.studies.classifier_audit import LayerScore, audit_classifier
from segscope.studies.classifier_cam import run_classifier_cam
from segscope.studies.filtered import FILTERS, filter_rois
from segscope.studies.jobs import run_jobs
from segscope.studies.rois import ABNORMAL, RoiOptions, extract_rois
from segscope.studies.shortcuts import Shortcut, centred_map, find_shortcuts
from segscope.studies.weak_training import dice_of, dice_of_run, label_weakly, mask_of, train_on
from segscope.training.classify import (
    ClassifyRecipe,
    Labelled,
    classify_recipe,
    labelled_images,
    score_images,
    split_images,
    train_classifier,
)
from segscope.training.recipe import merge
from segscope.training.run_folder import has_begun

_UNET_MINUTES = {
    "network": {"name": "unet", "widths": [8, 16, 32, 64]},
    "patch": [96, 96],
    # the last weights count, so validation is only for the log
    "train": {
        "epochs": 10,
        "steps_per_epoch": 20,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "validate_every": 10,
    },
}

BUDGETS: dict[str, dict[str, dict[str, Any]]] = {
    "minutes": {
        "classifier": {"size": [64, 64], "epochs": 30, "patience": 10, "schedule": "cosine"},
        "unet": _UNET_MINUTES,
    },
    "hours": {
        "classifier": {"size": [160, 160], "epochs": 100, "patience": 30},
        "unet": {"train": {"epochs": 60, "steps_per_epoch": 50}},
    },
    "paper": {"classifier": {"size": [299, 299], "epochs": 200, "patience": 30}, "unet": {}},
}
"""From minutes on two cores to the paper's about 200 epochs (whose sides it does not tell)."""

ORIGINAL = "original"
_HOLD_OUT = 0.2
_AT_LAYERS = ("gradcam", "hirescam")  # which are the same at the last layer only


@dataclass(frozen=True)
class Options:
    """What a study compares, and on what.

    Args:
        networks: Classifiers by name.
        seeds: Draws of the split and of weights.
        budget: One of `BUDGETS`.
        settings: Values of the classifiers' recipe, the same for all.
        unet: Values of the segmentation networks' recipe, likewise.
        rois: How regions are cut.
    """

    networks: tuple[str, ...] = tuple(CLASSIFIERS)
    seeds: int = 1
    budget: str = "minutes"
    settings: Mapping[str, Any] = field(default_factory=dict)
    unet: Mapping[str, Any] = field(default_factory=dict)
    rois: RoiOptions = field(default_factory=RoiOptions)


@dataclass(frozen=True)
class Parts:
    """Names of regions; no subject is in two parts."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Trained:
    """A classifier on images of one kind.

    Args:
        val_accuracy: Best of its epochs, as the paper reports; its weights were chosen by it.
        test: Scores of images that chose nothing.
        epochs: Trained.
        minutes: Of training.
    """

    val_accuracy: float
    test: dict[str, Interval]
    epochs: int
    minutes: float


@dataclass(frozen=True)
class Outcome:
    """What one classifier came to in one draw.

    Args:
        network: Its name.
        seed: Of the draw.
        trained: ``original`` and each of `FILTERS` to the classifier that learned from it.
        mean_dice: Mean-Dice of the predicted class's Grad-CAM of every abnormal region.
        methods: Way to make maps to the rows of abnormal test regions, of the abnormal class.
        weak: Criterion of the threshold to the Dice of abnormal test regions: of ``maps`` above
            it, and of the ``unet`` that learned from such maps.
        layers: SA scores on abnormal test regions.
        by_layer: The last layer of each size of maps, from the input on, to method to the rows of
            abnormal test regions, of the abnormal class.
    """

    network: str
    seed: int
    trained: dict[str, Trained]
    mean_dice: tuple[float, ...]
    methods: dict[str, tuple[CamRow, ...]]
    weak: dict[str, dict[str, tuple[float, ...]]]
    layers: tuple[LayerScore, ...]
    by_layer: dict[str, dict[str, tuple[CamRow, ...]]]


@dataclass(frozen=True)
class Study:
    """All that the page shows.

    Args:
        dataset: Its name.
        options: What was compared.
        counts: Of regions.
        parts: Of each draw.
        outcomes: Of each network and draw.
        supervised: Dice of each draw's abnormal test regions by a U-Net that learned true masks.
        whole: Dice of the whole region with its mask, of the same.
        centred: Mean-Dice over all abnormal regions of a map that only knows the middle.
        shortcuts: How well plain figures of regions tell the classes apart.
    """

    dataset: str
    options: Options
    counts: dict[str, int]
    parts: tuple[Parts, ...]
    outcomes: tuple[Outcome, ...]
    supervised: tuple[tuple[float, ...], ...]
    whole: tuple[tuple[float, ...], ...]
    centred: tuple[float, ...]
    shortcuts: tuple[Shortcut, ...]


def run_study(dataset: Dataset, folder: Path, options: Options, *, jobs: int = 1) -> Study:
    """Cut regions, train every classifier in every draw, and all that follows from it.

    Args:
        dataset: With masks.
        folder: Receives ``rois/``, ``runs/`` and ``study.json``.
        options: What is compared.
        jobs: Processes that train at the same time, sharing the cores.

    Raises:
        InputError: Unknown options; no regions; another study's folder.
        WorkError: Some runs failed; the others are kept.
    """
    if options.budget not in BUDGETS:
        raise InputError(f"--budget {options.budget}: expected one of {', '.join(BUDGETS)}")
    if not options.networks:
        raise InputError("--networks: name one or more")
    budget = BUDGETS[options.budget]
    recipes = {
        name: classify_recipe(merge(budget["classifier"], {**options.settings, "network": name}))
        for name in options.networks
    }
    counts = _cut(dataset, folder, options)
    rois = open_dataset(folder / "rois")
    images = labelled_images(rois, "class")
    parts = tuple(_part(images, seed) for seed in range(options.seeds))
    todo = []
    for seed, part in enumerate(parts):
        for name, recipe in recipes.items():
            own = recipe.model_copy(update={"seed": seed})
            facts: dict[str, Any] = {"network": name, "recipe": own.model_dump(mode="json")}
            todo.append(_write_job(folder, f"{name}_seed{seed}", facts, part, seed, options))
        facts = {"network": None, "recipe": None}
        todo.append(_write_job(folder, f"unet_seed{seed}", facts, part, seed, options))
    run_jobs(run_job, [(str(folder.resolve()), name) for name in todo], jobs=jobs)
    truth = {case.name: mask_of(case) for case in _abnormal(images).cases}
    study = Study(
        dataset=dataset.name,
        options=options,
        counts=counts,
        parts=parts,
        outcomes=tuple(
            _read_outcome(folder, name, seed)
            for seed in range(options.seeds)
            for name in options.networks
        ),
        supervised=tuple(
            tuple(_result(folder, f"unet_seed{seed}")["dice"]) for seed in range(options.seeds)
        ),
        whole=tuple(
            tuple(dice_of(np.ones_like(truth[n]), truth[n]) for n in part.test if n in truth)
            for part in parts
        ),
        centred=tuple(mean_dice(centred_map(mask.shape), mask) for mask in truth.values()),
        shortcuts=tuple(find_shortcuts(rois, images)),
    )
    write_json(folder / "study.json", json_ready({"format": 1, **asdict(study)}))
    return study


def run_job(folder_name: str, name: str) -> None:
    """Do all of one network in one draw; nothing happens where that was done before."""
    folder = Path(folder_name)
    run = folder / "runs" / name
    if (run / "result.json").is_file():
        return
    facts = json.loads((run / "job.json").read_text("utf-8"))
    rois = open_dataset(folder / "rois")
    images = labelled_images(rois, "class")
    parts = Parts(**{part: tuple(names) for part, names in facts["parts"].items()})
    seed = int(facts["seed"])
    if facts["network"] is None:
        settings = facts["unet"]
        train_on(rois, run / "unet", Split(parts.train, parts.val), settings, seed=seed)
        found: dict[str, Any] = {"dice": dice_of_run(run / "unet", _tested(images, parts).cases)}
    else:
        recipe = classify_recipe(facts["recipe"])
        found = _classifier_job(rois, images, run, recipe, parts, facts["unet"], seed)
    write_json(run / "result.json", json_ready({"format": 1, **found}))  # last: all is there


def _classifier_job(
    rois: Dataset,
    images: Labelled,
    run: Path,
    recipe: ClassifyRecipe,
    parts: Parts,
    unet: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """The paper's two experiments, and those beyond it."""
    trained = {ORIGINAL: _train(rois, run / ORIGINAL, recipe, parts)}
    model = load_classifier(run / ORIGINAL, device=recipe.device)
    maps = _once(
        run / "maps",
        lambda new: run_classifier_cam(model, images.cases, new, pictures=False),
    )
    where = {name: part for part, names in asdict(parts).items() for name in names}
    for kind in FILTERS:

        def write(new: Path, kind: Any = kind) -> None:
            filter_rois(rois, new, kind, maps=maps / "heatmaps", parts=where, seed=seed)

        filtered = open_dataset(_once(run / f"filtered_{kind}", write))
        trained[kind] = _train(filtered, run / kind, recipe, parts)
    tested, abnormal = _tested(images, parts).cases, _abnormal(images)

    def map_all(place: Path, method: str, layer: str | None = None) -> list[dict[str, Any]]:
        def draw(new: Path) -> None:
            run_classifier_cam(
                model, tested, new, method=method, layer=layer, of=ABNORMAL, pictures=False
            )

        return _rows(_once(place / method, draw))

    methods = {method: map_all(run / "methods", method) for method in CAM_METHODS}
    layers = audit_classifier(model, tested, seed=seed)
    by_layer = {
        layer: {method: map_all(run / "layers" / layer, method, layer) for method in _AT_LAYERS}
        for layer in {row.sides: row.layer for row in layers}.values()  # the last of each size
    }
    weak = {}
    for criterion in CRITERIA:

        def choose(new: Path, criterion: str = criterion) -> None:
            run_classifier_cam(
                model, abnormal.cases, new, of=ABNORMAL, criterion=criterion, pictures=False
            )

        chosen = _once(run / f"labels_{criterion}", choose)
        rows = {row["case"]: row for row in _rows(chosen)}
        limits = {name: int(row["threshold"]) for name, row in rows.items()}

        def label(new: Path, chosen: Path = chosen, limits: dict[str, int] = limits) -> None:
            label_weakly(rois, new, chosen / "heatmaps", limits, "labelled by maps")

        dataset = open_dataset(_once(run / f"weak_{criterion}", label))
        own = run / f"unet_{criterion}"
        train_on(dataset, own, Split(parts.train, parts.val), unet, seed=seed)
        weak[criterion] = {
            "maps": [rows[case.name]["dice"] for case in tested],
            "unet": dice_of_run(own, tested),
        }
    return {
        "trained": trained,
        "mean_dice": [row["mean_dice"] for row in _rows(maps) if row["mean_dice"] is not None],
        "methods": methods,
        "weak": weak,
        "layers": [asdict(row) for row in layers],
        "by_layer": by_layer,
    }


def _train(dataset: Dataset, run: Path, recipe: ClassifyRecipe, parts: Parts) -> dict[str, Any]:
    """Train on one kind of images, and score the tested ones of that kind."""
    done = train_classifier(
        dataset, recipe, run,
        split=(parts.train, parts.val),
        resume=has_begun(run),
    )  # fmt: skip
    images = labelled_images(dataset, recipe.column).part(parts.test)
    model = load_classifier(run, device=recipe.device)
    scores = score_images(model, dataset, images, run / "test")
    return {
        "val_accuracy": done.scores["accuracy"].value,
        "test": {name: asdict(value) for name, value in scores.items()},
        "epochs": done.epochs,
        "minutes": done.minutes,
    }


def _once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make a folder as a whole, where it was not made before."""
    if not folder.is_dir():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder


def _rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "cam.json").read_text("utf-8"))["maps"]
    return found


def _cut(dataset: Dataset, folder: Path, options: Options) -> dict[str, int]:
    """Cut the regions, or take those that the same options gave before."""
    wanted = json_ready({"dataset": str(dataset.folder.resolve()), **asdict(options.rois)})
    file = folder / "rois.json"
    if file.is_file():
        known = json.loads(file.read_text("utf-8"))
        if known["options"] != wanted:
            raise InputError(f"{file}: is of a study with other options; name another folder")
        counts: dict[str, int] = known["counts"]
        return counts
    counts = {}
    _once(folder / "rois", lambda new: counts.update(extract_rois(dataset, new, options.rois)))
    write_json(file, {"options": wanted, "counts": counts})
    return counts


def _part(images: Labelled, seed: int) -> Parts:
    rest, test = split_images(images, _HOLD_OUT, seed)
    train, val = split_images(images.part(rest), _HOLD_OUT, seed)
    return Parts(tuple(train), tuple(val), tuple(test))


def _abnormal(images: Labelled) -> Labelled:
    number = images.classes.index(ABNORMAL)
    pairs = zip(images.cases, images.truth, strict=True)
    return images.part([case.name for case, truth in pairs if truth == number])


def _tested(images: Labelled, parts: Parts) -> Labelled:
    """Abnormal regions that are only tested."""
    known = {case.name for case in _abnormal(images).cases}
    return images.part([name for name in parts.test if name in known])


def _write_job(
    folder: Path, name: str, facts: Mapping[str, Any], parts: Parts, seed: int, options: Options
) -> str:
    unet = merge(BUDGETS[options.budget]["unet"], options.unet)
    wanted = json_ready({"format": 1, **facts, "unet": unet, "parts": asdict(parts), "seed": seed})
    file = folder / "runs" / name / "job.json"
    if file.is_file():
        if json.loads(file.read_text("utf-8")) != wanted:
            raise InputError(f"{file}: is of a study with other options; name another folder")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, wanted)
    return name


def _result(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "runs" / name / "result.json").read_text("utf-8"))
    return found


def _read_outcome(folder: Path, network: str, seed: int) -> Outcome:
    facts = _result(folder, f"{network}_seed{seed}")

    def interval(values: Mapping[str, Any]) -> Interval:
        numbers = {k: float("nan") if v is None else float(v) for k, v in values.items()}
        return Interval(**numbers)

    trained = {
        kind: Trained(
            float(values["val_accuracy"]),
            {name: interval(value) for name, value in values["test"].items()},
            int(values["epochs"]),
            float(values["minutes"]),
        )
        for kind, values in facts["trained"].items()
    }
    return Outcome(
        network=network,
        seed=seed,
        trained=trained,
        mean_dice=tuple(facts["mean_dice"]),
        methods=_cam_rows(facts["methods"]),
        weak={
            k: {arm: tuple(values) for arm, values in arms.items()}
            for k, arms in facts["weak"].items()
        },
        layers=tuple(
            LayerScore(**{**row, "sides": tuple(row["sides"])}) for row in facts["layers"]
        ),
        by_layer={layer: _cam_rows(methods) for layer, methods in facts["by_layer"].items()},
    )


def _cam_rows(found: Mapping[str, Any]) -> dict[str, tuple[CamRow, ...]]:
    return {method: tuple(CamRow(**row) for row in rows) for method, rows in found.items()}
