"""All trainings and maps of one network in one draw, each in a folder that is made once."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segscope.data import Dataset, Split, json_ready, open_dataset, write_json
from segscope.data.json_files import read_record
from segscope.explain import CAM_METHODS
from segscope.explain.weak_labels import CRITERIA
from segscope.inference.classify import load_classifier
from segscope.studies.cam_outcome import ORIGINAL, Parts
from segscope.studies.classifier_audit import audit_classifier
from segscope.studies.filtered import FILTERS, filter_rois
from segscope.studies.rois import ABNORMAL
from segscope.studies.weak_training import dice_of_run, label_weakly, train_on
from segscope.training.classify import score_images, train_classifier
from segscope.training.classify_images import Labelled, labelled_images
from segscope.training.classify_recipe import ClassifyRecipe, classify_recipe
from segscope.training.run_folder import has_begun
from segscope.workflows.classifier_cam import run_classifier_cam

_ANEW = "it is damaged: delete it, and start the study again"
_AT_LAYERS = ("gradcam", "hirescam")  # which are the same at the last layer only


def run_job(folder_name: str, name: str) -> None:
    """Do all of one network in one draw; nothing happens where that was done before."""
    folder = Path(folder_name)
    run = folder / "runs" / name
    if (run / "result.json").is_file():
        return
    facts = read_record(run / "job.json", "network", "parts", "seed", "unet", remedy=_ANEW)
    rois = open_dataset(folder / "rois")
    images = labelled_images(rois, "class")
    parts = Parts(**{part: tuple(names) for part, names in facts["parts"].items()})
    seed = int(facts["seed"])
    if facts["network"] is None:
        settings = facts["unet"]
        train_on(rois, run / "unet", Split(parts.train, parts.val), settings, seed=seed)
        found: dict[str, Any] = {"dice": dice_of_run(run / "unet", tested_of(images, parts).cases)}
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
    maps = made_once(
        run / "maps",
        lambda new: run_classifier_cam(model, images.cases, new, pictures=False),
    )
    where = {name: part for part, names in asdict(parts).items() for name in names}
    for kind in FILTERS:

        def write(new: Path, kind: Any = kind) -> None:
            filter_rois(rois, new, kind, maps=maps / "heatmaps", parts=where, seed=seed)

        filtered = open_dataset(made_once(run / f"filtered_{kind}", write))
        trained[kind] = _train(filtered, run / kind, recipe, parts)
    tested, abnormal = tested_of(images, parts).cases, abnormal_of(images)

    def map_all(place: Path, method: str, layer: str | None = None) -> list[dict[str, Any]]:
        def draw(new: Path) -> None:
            run_classifier_cam(
                model, tested, new, method=method, layer=layer, of=ABNORMAL, pictures=False
            )

        return _rows(made_once(place / method, draw))

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

        chosen = made_once(run / f"labels_{criterion}", choose)
        rows = {row["case"]: row for row in _rows(chosen)}
        limits = {name: int(row["threshold"]) for name, row in rows.items()}

        def label(new: Path, chosen: Path = chosen, limits: dict[str, int] = limits) -> None:
            label_weakly(rois, new, chosen / "heatmaps", limits, "labelled by maps")

        dataset = open_dataset(made_once(run / f"weak_{criterion}", label))
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


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make a folder as a whole, where it was not made before."""
    if not folder.is_dir():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder


def _rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_record(folder / "cam.json", "maps", remedy=_ANEW)["maps"]
    return found


def abnormal_of(images: Labelled) -> Labelled:
    """Regions with a lesion."""
    number = images.classes.index(ABNORMAL)
    pairs = zip(images.cases, images.truth, strict=True)
    return images.part([case.name for case, truth in pairs if truth == number])


def tested_of(images: Labelled, parts: Parts) -> Labelled:
    """Abnormal regions that are only tested."""
    known = {case.name for case in abnormal_of(images).cases}
    return images.part([name for name in parts.test if name in known])
