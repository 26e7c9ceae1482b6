"""What one classifier came to in one draw of the classifier-map study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.data.json_files import read_record
from segscope.metrics import Interval
from segscope.studies.classifier_audit import LayerScore
from segscope.workflows.cam_maps import CamRow

ORIGINAL = "original"


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


def result_of(folder: Path, name: str) -> dict[str, Any]:
    """Read what a finished job of the study in ``folder`` has written."""
    file = folder / "runs" / name / "result.json"
    return read_record(file, remedy="it is damaged: delete it, and start the study again")


def read_outcome(folder: Path, network: str, seed: int) -> Outcome:
    """Read what one network came to in one draw."""
    facts = result_of(folder, f"{network}_seed{seed}")

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
