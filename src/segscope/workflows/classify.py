"""Classifiers of plane images: trained on a column of cases.csv, and used."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import is_there
from segscope.workflows.arguments import check_device, check_settings, check_there
from segscope.workflows.opening import check_dataset_folder, open_folder
from segscope.workflows.options import Options, as_settings, to_log
from segscope.workflows.resume import as_it_stands

if TYPE_CHECKING:
    from segscope.metrics import Interval
    from segscope.training.classify_recipe import ClassifyRecipe
    from segscope.workflows.classify_images import Classes


@dataclass(frozen=True, kw_only=True)
class TrainClassifierOptions(Options):
    """How a classifier is trained; what is not given is as in its recipe.

    Args:
        model: ``xception``, ``densenet121``, ... or a timm model.
        column: Of cases.csv, with the classes.
        size: Side that images are brought to.
        weights: ``random``, ``pretrained``, or a file to start from.
        settings: Values of the recipe: ``["epochs=50"]`` or ``{"epochs": 50}``.
        resume: Continue a stopped run, by the options that it was begun with, or none; begin it
            where there is none yet.
    """

    model: str | None = None
    column: str | None = None
    size: int | None = None
    weights: str | None = None
    settings: Mapping[str, Any] | tuple[str, ...] = ()
    resume: bool = False


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier's run, and how it did on its held-out images.

    Args:
        run: Its folder.
        network: Its name.
        classes: In the order of the outputs.
        epochs: Trained.
        best_epoch: Whose weights were kept, from 0.
        minutes: Of training.
        scores: Accuracy, AUC, sensitivity, specificity with their intervals.
        notes: What was changed in given weights.
    """

    run: Path
    network: str
    classes: tuple[str, ...]
    epochs: int
    best_epoch: int
    minutes: float
    scores: "Mapping[str, Interval]"
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "run": str(self.run)}


def train_classifier(
    dataset: Path, output: Path, options: TrainClassifierOptions | None = None
) -> TrainedClassifier:
    """Train a classifier on the classes of cases.csv, and score it on held-out images.

    Args:
        dataset: nnU-Net v2 raw folder of plane images or volumes.
        output: Folder of the run, new; also receives ``validation.json``.
        options: The defaults where not given.

    Raises:
        InputError: Options, dataset or folder are not usable.
    """
    chosen = as_it_stands(options or TrainClassifierOptions(), output, to_log)
    check_dataset_folder(dataset)
    check_settings(chosen.settings)
    recipe = _recipe(chosen, dataset, output)
    from segscope.training import classify
    from segscope.training.classify_images import labelled_images

    opened = open_folder(dataset)
    found = classify.train_classifier(opened, recipe, output, resume=chosen.resume)
    return TrainedClassifier(
        run=output,
        network=recipe.network,
        classes=labelled_images(opened, recipe.column).classes,
        epochs=found.epochs,
        best_epoch=found.best_epoch,
        minutes=found.minutes,
        scores=found.scores,
        notes=found.notes,
    )


def _recipe(chosen: TrainClassifierOptions, dataset: Path, output: Path) -> "ClassifyRecipe":
    """Put the recipe together; a run that goes on has its own, which nothing may contradict."""
    named = {"network": chosen.model, "column": chosen.column, "weights": chosen.weights}
    given: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if chosen.size is not None:
        from segscope.data import is_plane

        given["size"] = [chosen.size] * (2 if is_plane(open_folder(dataset).file_ending) else 3)
    settings = as_settings(chosen.settings)
    from segscope.training import other_values, parse_settings, refuse_others
    from segscope.training.classify_recipe import classify_recipe, read_classify_recipe

    asked = given | parse_settings(settings)
    recipe = classify_recipe(asked)
    if chosen.resume:
        wanted, recipe = recipe, read_classify_recipe(output)
        values = wanted.model_dump(mode="json"), recipe.model_dump(mode="json")
        refuse_others(output, other_values(asked, *values))
    return recipe


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(Options):
    """How images are classified.

    Args:
        column: Of the dataset's cases.csv: score against it.
        weights: ``best`` or ``last``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        replace_nonfinite: Put this in place of NaN and infinities.
        anyway: Also classify images far outside of what was trained on.
    """

    column: str | None = None
    weights: str = "best"
    device: str = "auto"
    replace_nonfinite: float | None = None
    anyway: bool = False


def classify(
    run: Path, source: Path, output: Path, options: ClassifyOptions | None = None
) -> "Classes":
    """Classify images into ``output/classes.csv`` and ``classes.json``.

    Args:
        run: Folder of a classifier's run.
        source: Dataset, folder or file.
        output: Made where it is missing.
        options: The defaults where not given.

    Raises:
        InputError: No image that is not refused; classes that the classifier does not know.
        WorkError: After all others were classified: some images failed; each is named.
    """
    chosen = options or ClassifyOptions()
    if not any(is_there(run / name) for name in ("classifier.json", "config.json")):
        raise InputError(
            f"{run}: holds no classifier.json; name a run of segscope classify, or a timm folder"
        )
    check_there(source)
    check_device(chosen.device)

    from segscope.data import ReadOptions
    from segscope.inference.open_classifier import open_classifier
    from segscope.workflows.classify_images import classify_cases

    return classify_cases(
        open_classifier(run, weights=chosen.weights, device=chosen.device),
        source,
        output,
        column=chosen.column,
        reading=ReadOptions(chosen.replace_nonfinite),
        anyway=chosen.anyway,
    )
