"""All trainings and maps of one classifier on one draw: a trial, of steps that are made once.

A trial that was killed goes on at the step, and within a training at the epoch, where it was.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segscope.audit.classifier import audit_classifier
from segscope.data import Dataset, Split, json_ready, open_dataset, write_json
from segscope.data.json_files import read_record
from segscope.experiments import alone, made_once
from segscope.experiments.split_training import dice_of_run, train_split
from segscope.explain import CAM_METHODS
from segscope.explain.weak_labels import CRITERIA
from segscope.images import Case
from segscope.inference.classify import ClassifierModel, load_classifier
from segscope.studies.cam_pictures import save_pictures
from segscope.studies.cam_trials import ANEW, ORIGINAL, CamTrial, read_trial
from segscope.training.classify import score_images, train_classifier
from segscope.training.classify_images import Labelled, labelled_images
from segscope.training.classify_recipe import ClassifyRecipe
from segscope.training.recipe import merge
from segscope.training.run_folder import has_begun
from segscope.workflows.classifier_cam import run_classifier_cam
from segscope.workflows.filtered import FILTERS, Filter, filter_rois
from segscope.workflows.rois import ABNORMAL
from segscope.workflows.weak_labels import label_weakly

_PRINTED = "gradcam_signed"  # the paper's eqs. 2 and 8 have no ReLU
_AT_LAYERS = (_PRINTED, "hirescam_signed")  # which are the same at the last layer only

Found = dict[str, Any]


def run_trial(folder: str, place: str) -> None:
    """Do one trial; nothing happens where it was done, or is being done by another process.

    Args:
        folder: Of the study.
        place: Of the trial within it.

    Raises:
        InputError: Something cannot be read.
        WorkError: A training failed.
    """
    _do(Path(folder), place, wait=False)


def await_trial(folder: str, place: str) -> None:
    """The same, after whoever does it now has ended; what was lost lets go late."""
    _do(Path(folder), place, wait=True)


def _do(folder: Path, place: str, *, wait: bool) -> None:
    root = folder / place
    with alone(root, wait=wait) as free:
        if not free or (root / "result.json").is_file():
            return
        trial = read_trial(root)
        rois = open_dataset(folder / trial.regions)
        images = labelled_images(rois, "class")
        known = {case.name for case in images.of_class(ABNORMAL).cases}
        tested = images.part([name for name in trial.draw.test if name in known]).cases
        if trial.recipe is None:
            split = Split(trial.draw.train, trial.draw.val)
            train_split(rois, root / "unet", split, _unet(trial))
            found: Found = {"unet": dice_of_run(root / "unet", rois, tested)}
        else:
            chain = _Chain(root, rois, images, tested, trial, trial.recipe)
            found = chain.whole()
        write_json(root / "result.json", json_ready({"format": 1, **found}))  # last: all is there


@dataclass(frozen=True, eq=False)
class _Chain:
    """One classifier on one draw, and all that follows from it.

    Args:
        root: The trial's folder.
        rois: Regions with masks.
        images: Their classes.
        tested: Abnormal regions that are only tested.
        trial: What it is.
        recipe: Of the classifier.
    """

    root: Path
    rois: Dataset
    images: Labelled
    tested: tuple[Case, ...]
    trial: CamTrial
    recipe: ClassifyRecipe

    def whole(self) -> Found:
        """The paper's two experiments, and those beyond it."""
        trained = {ORIGINAL: self._train(self.rois, ORIGINAL)}
        model = load_classifier(self.root / ORIGINAL, device=self.recipe.device)
        predicted = made_once(
            self.root / f"maps_{_PRINTED}",
            lambda new: run_classifier_cam(
                model, self.images.cases, new, method=_PRINTED, pictures=False
            ),
        )
        for kind in FILTERS:
            trained[kind] = self._train(self._filtered(kind, predicted), kind)
        found = {
            "map": _PRINTED,
            "trained": trained,
            "mean_dice": {
                row["case"]: row["mean_dice"]
                for row in _rows(predicted)
                if row["mean_dice"] is not None
            },
            "methods": {
                method: self._maps(model, self.root / "methods", method) for method in CAM_METHODS
            },
            "weak": {criterion: self._weak(model, criterion) for criterion in CRITERIA},
            **self._layers(model),
        }
        shown = self.images.part(self.trial.draw.test)
        made_once(self.root / "pictures", lambda new: save_pictures(self.root, new, shown))
        return found

    def _train(self, dataset: Dataset, kind: str) -> Found:
        """Train on one kind of images, and score the tested ones of that kind."""
        run, draw = self.root / kind, self.trial.draw
        done = train_classifier(
            dataset, self.recipe, run,
            split=(draw.train, draw.val),
            resume=has_begun(run),
        )  # fmt: skip
        images = labelled_images(dataset, self.recipe.column).part(draw.test)
        model = load_classifier(run, device=self.recipe.device)
        scores = score_images(model, dataset, images, run / "test")
        return {
            "val_accuracy": done.scores["accuracy"].value,
            "test": {name: asdict(value) for name, value in scores.items()},
            "images": _classified(run / "test" / "validation.csv", images.cases),
            "epochs": done.epochs,
            "minutes": done.minutes,
        }

    def _filtered(self, kind: Filter, maps: Path) -> Dataset:
        """The regions seen through maps or masks; masks are lent within a part only."""
        draw = self.trial.draw
        named = {"train": draw.train, "val": draw.val, "test": draw.test}
        where = {name: part for part, names in named.items() for name in names}
        place = self.root / f"filtered_{kind}"
        heatmaps, seed = maps / "heatmaps", draw.seed
        made_once(
            place,
            lambda new: filter_rois(self.rois, new, kind, maps=heatmaps, parts=where, seed=seed),
        )
        return open_dataset(place)

    def _maps(
        self, model: ClassifierModel, place: Path, method: str, layer: str | None = None
    ) -> list[Found]:
        """Maps of the abnormal class of tested regions."""
        made_once(
            place / method,
            lambda new: run_classifier_cam(
                model, self.tested, new, method=method, layer=layer, of=ABNORMAL, pictures=False
            ),
        )
        return _rows(place / method)

    def _layers(self, model: ClassifierModel) -> Found:
        """What layers could segment, and maps at the last layer of each size."""
        layers = audit_classifier(model, self.tested, seed=self.trial.draw.seed)
        last = {row.sides: row.layer for row in layers}.values()
        by_layer = {
            layer: {
                method: self._maps(model, self.root / "layers" / layer, method, layer)
                for method in _AT_LAYERS
            }
            for layer in last
        }
        return {"layers": [asdict(row) for row in layers], "by_layer": by_layer}

    def _weak(self, model: ClassifierModel, criterion: str) -> Found:
        """Labels from maps above a threshold that no mask chose, and a U-Net that learns them."""
        abnormal, draw = self.images.of_class(ABNORMAL).cases, self.trial.draw
        chosen = made_once(
            self.root / f"labels_{criterion}",
            lambda new: run_classifier_cam(
                model, abnormal, new, of=ABNORMAL, criterion=criterion, pictures=False
            ),
        )
        rows = {row["case"]: row for row in _rows(chosen)}
        limits = {name: int(row["threshold"]) for name, row in rows.items()}
        place = made_once(
            self.root / f"weak_{criterion}",
            lambda new: label_weakly(self.rois, new, chosen / "heatmaps", limits),
        )
        run = self.root / f"unet_{criterion}"
        split = Split(draw.train, draw.val)
        train_split(open_dataset(place), run, split, _unet(self.trial))
        return {
            "maps": {case.name: rows[case.name]["dice"] for case in self.tested},
            "unet": dice_of_run(run, self.rois, self.tested),
        }


def _unet(trial: CamTrial) -> Found:
    """The last weights count, as no true mask may choose."""
    return merge(trial.unet, {"train": {"seed": trial.draw.seed, "patience": 0}})


def _classified(file: Path, cases: Sequence[Case]) -> Found:
    """What was said of every tested region, whose rows are in the order of the cases."""
    rows = csv.DictReader(file.read_text("utf-8").splitlines())
    return {
        case.name: {
            "right": float(row["class"] == row["predicted"]),
            "abnormal": float(row["class"] == ABNORMAL),
            "p": float(row[f"p({ABNORMAL})"]),
        }
        for case, row in zip(cases, rows, strict=True)
    }


def _rows(folder: Path) -> list[Found]:
    found: list[Found] = read_record(folder / "cam.json", "maps", remedy=ANEW)["maps"]
    return found
