"""Trials of the classifier-map study: a classifier and its maps; a U-Net that learns labels.

A trial is made of steps, each whole or not there; one that was killed goes on at the step, and
within a training at the epoch, where it was.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segscope.audit.classifier import audit_classifier
from segscope.data import Dataset, Split, open_dataset
from segscope.data.json_files import read_record
from segscope.experiments import Task, cases_of, made_once
from segscope.experiments.split_training import score_run, train_split
from segscope.experiments.trial import training_facts
from segscope.explain import CAM_METHODS
from segscope.explain.weak_labels import CRITERIA
from segscope.images import Case
from segscope.inference.classify import ClassifierModel, load_classifier
from segscope.studies.cam_pictures import save_pictures
from segscope.studies.cam_regions import ANEW, ORIGINAL
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


def classify(task: Task) -> Found:
    """Train a classifier, map what it sees, and train it again on what maps and masks keep.

    Options of the task are the classifier's ``recipe``; the draw's seed is its own.
    """
    recipe = ClassifyRecipe.model_validate(task.options["recipe"])
    images = labelled_images(task.dataset, "class")
    recipe = recipe.model_copy(update={"seed": task.draw.seed})
    return _Chain(task, images, _tested(task, images), recipe).whole()


def learn_masks(task: Task) -> Found:
    """Train a U-Net on true masks; options of the task are its recipe's values as ``unet``."""
    return _learn(task, task.dataset)


def learn_maps(task: Task) -> Found:
    """Train a U-Net on labels from maps above a threshold that no mask chose.

    Options of the task are also the ``classifier`` that it comes after, and the threshold's
    ``criterion``.
    """
    classifier, criterion = task.options["classifier"], task.options["criterion"]
    maps = Path(task.placed(f"after:{classifier}/{_labels(criterion)}"))
    limits = {row["case"]: int(row["threshold"]) for row in _rows(maps)}
    place = made_once(
        task.root / "dataset",
        lambda new: label_weakly(task.dataset, new, maps / "heatmaps", limits),
    )
    return _learn(task, open_dataset(place))


def _learn(task: Task, labelled: Dataset) -> Found:
    """The last weights count, as no true mask may choose; true masks score them."""
    run, draw = task.root / "run", task.draw
    settings = merge(task.options["unet"], {"train": {"seed": draw.seed, "patience": 0}})
    split = Split(draw.train, draw.val)
    facts = training_facts(train_split(labelled, run, split, settings, cache=task.cache))
    tested = _tested(task, labelled_images(task.dataset, "class"))
    return facts | score_run(run, task.dataset, tested, task.root / "predictions")


def _tested(task: Task, images: Labelled) -> tuple[Case, ...]:
    """Abnormal regions that are only tested."""
    abnormal = {case.name for case in images.of_class(ABNORMAL).cases}
    return cases_of(task.dataset, [name for name in task.draw.test if name in abnormal])


@dataclass(frozen=True, eq=False)
class _Chain:
    """One classifier on one draw, and all that follows from it.

    Args:
        task: The trial, whose dataset are the regions.
        images: Their classes.
        tested: Abnormal regions that are only tested.
        recipe: Of the classifier.
    """

    task: Task
    images: Labelled
    tested: tuple[Case, ...]
    recipe: ClassifyRecipe

    @property
    def root(self) -> Path:
        """Its folder."""
        return self.task.root

    def whole(self) -> Found:
        """The paper's two experiments, and those beyond it."""
        trained = {ORIGINAL: self._train(self.task.dataset, ORIGINAL)}
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
        shown = self.images.part(self.task.draw.test)
        made_once(self.root / "pictures", lambda new: save_pictures(self.root, new, shown))
        return found

    def _train(self, dataset: Dataset, kind: str) -> Found:
        """Train on one kind of images, and score the tested ones of that kind."""
        run, draw = self.root / kind, self.task.draw
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
        draw = self.task.draw
        named = {"train": draw.train, "val": draw.val, "test": draw.test}
        where = {name: part for part, names in named.items() for name in names}
        heatmaps, rois = maps / "heatmaps", self.task.dataset
        place = made_once(
            self.root / f"filtered_{kind}",
            lambda new: filter_rois(rois, new, kind, maps=heatmaps, parts=where, seed=draw.seed),
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
        layers = audit_classifier(model, self.tested, seed=self.task.draw.seed)
        last = {row.sides: row.layer for row in layers}.values()
        by_layer = {
            layer: {
                method: self._maps(model, self.root / "layers" / layer, method, layer)
                for method in _AT_LAYERS
            }
            for layer in last
        }
        return {"layers": [asdict(row) for row in layers], "by_layer": by_layer}

    def _weak(self, model: ClassifierModel, criterion: str) -> dict[str, float]:
        """Maps above a threshold that no mask chose, as labels; Dice of those of tested regions."""
        abnormal = self.images.of_class(ABNORMAL).cases
        chosen = made_once(
            self.root / _labels(criterion),
            lambda new: run_classifier_cam(
                model, abnormal, new, of=ABNORMAL, criterion=criterion, pictures=False
            ),
        )
        dice = {row["case"]: row["dice"] for row in _rows(chosen)}
        return {case.name: dice[case.name] for case in self.tested}


def _labels(criterion: str) -> str:
    return f"labels_{criterion}"


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
