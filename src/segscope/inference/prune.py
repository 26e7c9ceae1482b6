"""The levels of a nested network: what each costs, what each scores, and which to keep.

As the ANU-Net paper's Table 6 and Fig. 13, but timing the network alone.
"""

import csv
import io
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.data import (
    AS_STORED,
    TEMPORARY,
    ReadOptions,
    copy_file,
    load_case,
    write_json,
    write_text,
)
from segscope.errors import InputError, WorkError, naming
from segscope.images import Case, LabelMap
from segscope.inference.manifest import made_with
from segscope.inference.model import ModelSpec, TrainedModel, load_model, prune, save_model
from segscope.inference.predict import predict_prepared
from segscope.inference.run_files import MANIFEST, check_prior, has_run_file, hash_run_files
from segscope.metrics import evaluate_case
from segscope.networks import Segmenter, count_parameters, multiply_adds
from segscope.paths import check_new_folder
from segscope.progress import track

_TIMED_PASSES = 7


@dataclass(frozen=True)
class LevelRow:
    """One level of a nested network.

    Args:
        level: 1 is the smallest.
        parameters: Trainable.
        multiply_adds: Of one patch.
        seconds: Median of one forward pass of one patch, this machine, its device.
        dice: Mean over validation cases and labels where it is defined, on the cases' own grids.
        iou: Likewise.
        cases: Validation cases.
        undefined: Pairs of case and label without a defined Dice (both empty).
    """

    level: int
    parameters: int
    multiply_adds: int
    seconds: float
    dice: float
    iou: float
    cases: int
    undefined: int


@dataclass(frozen=True)
class Pruned:
    """A pruned run, and the table that decided."""

    folder: Path
    level: int
    rows: tuple[LevelRow, ...]
    max_dice_loss: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        levels = [asdict(row) for row in self.rows]
        return {
            "folder": str(self.folder),
            "level": self.level,
            "max_dice_loss": self.max_dice_loss,
            "levels": levels,
        }


def measure_levels(
    model: TrainedModel,
    cases: Sequence[Case],
    *,
    labels: Mapping[str, int],
    reading: ReadOptions = AS_STORED,
    receive: Callable[[str, int, list[tuple[float, float]]], None] | None = None,
) -> list[LevelRow]:
    """Measure every level of a nested network on labelled cases.

    Args:
        model: With the network.
        cases: At least one.
        labels: Names and values of the label maps.
        reading: What may be changed when cases are read.
        receive: Called with a case's name, a level, and Dice and IoU of each label.

    Raises:
        InputError: The network has no levels, or there is no case.
    """
    if not cases:
        raise InputError("pruning needs validation cases; this run has none")
    levels = [prune(model.segmenter, k) for k in range(1, model.segmenter.head_count + 1)]
    networks = [TrainedModel(model.spec, net) for net in levels]
    scores: list[list[tuple[float, float]]] = [[] for _ in networks]
    for case in track(cases, "scoring levels"):
        channels = len(model.spec.channel_names)
        loaded = load_case(case, channels=channels, labels=labels, reading=reading)
        if loaded.label is None:
            raise InputError(f"case {case.name}: has no label map; pruning needs one")
        with naming(case.image_files[0]):
            prepared = model.run_spec.plan.apply(loaded.image)
        for level, (small, found) in enumerate(zip(networks, scores, strict=True), start=1):
            probabilities = predict_prepared(small, prepared.array)
            predicted = model.run_spec.plan.undo_labels(probabilities, prepared)
            own = _dice_and_iou(predicted, loaded.label, labels)
            found += own
            if receive is not None:
                receive(case.name, level, own)
    window = _window(networks[-1])
    seconds = _forward_seconds(networks, window)
    return [
        _row(k + 1, small.segmenter, found, second, len(cases), window)
        for k, (small, found, second) in enumerate(zip(networks, scores, seconds, strict=True))
    ]


def choose_level(rows: Sequence[LevelRow], max_dice_loss: float) -> int:
    """Take the smallest level whose Dice is within ``max_dice_loss`` of the best.

    Example:
        >>> row = LevelRow(1, 1, 1, 1.0, 0.80, 0.7, 5, 0)
        >>> deeper = LevelRow(2, 2, 2, 2.0, 0.81, 0.7, 5, 0)
        >>> choose_level([row, deeper], 0.02), choose_level([row, deeper], 0.005)
        (1, 2)
    """
    best = max((row.dice for row in rows if not math.isnan(row.dice)), default=math.nan)
    if math.isnan(best):
        raise InputError("no level has a defined Dice: no validation case shows a label")
    return min(row.level for row in rows if row.dice >= best - max_dice_loss)


def prune_run(
    run: Path,
    folder: Path,
    *,
    cases: Sequence[Case],
    reading: ReadOptions = AS_STORED,
    level: int | None = None,
    max_dice_loss: float = 0.01,
    device: str = "cpu",
) -> Pruned:
    """Measure all levels of a run, and write one as a run of its own.

    Args:
        run: With a nested network.
        folder: New; receives the pruned run with ``prune.csv`` and ``prune.json``.
        cases: Validation cases of the run.
        reading: What may be changed when they are read.
        level: The one to keep; where not given, `choose_level` decides.
        max_dice_loss: For that.
        device: To measure on.
    """
    run, folder = Path(run), Path(folder)
    check_new_folder(folder)
    model = load_model(run, device=device)
    if level is not None:
        prune(model.segmenter, level)  # says what is possible before any work
    rows = measure_levels(model, cases, labels=model.spec.labels, reading=reading)
    kept = choose_level(rows, max_dice_loss) if level is None else level
    result = Pruned(folder, kept, tuple(rows), max_dice_loss)
    with _new_folder(folder) as building:
        small = prune(model.segmenter, kept)
        save_model(building, pruned_spec(model.run_spec, small), small)
        for name in ("split.json", "recipe.yaml", "fingerprint.json"):
            if has_run_file(run, name):
                copy_file(run / name, building / name)
        check_prior(run / "prior")
        if (run / "prior").is_dir():  # what makes the masks that the network is shown
            shutil.copytree(run / "prior", building / "prior", copy_function=copy_file)
        write_json(building / "prune.json", _facts(result, run, model, chosen=level is None))
        write_text(building / "prune.csv", table(rows))
        write_json(
            building / MANIFEST,
            {"format": 1, **made_with(model.device), "files": hash_run_files(building)},
        )
    return result


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder that takes its name at once and whole, or is gone."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
        try:
            yield building
            building.chmod(0o755)
            building.replace(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise WorkError(f"{folder}: could not be written ({error.strerror or error})") from error


def pruned_spec(spec: ModelSpec, small: Segmenter) -> ModelSpec:
    """Describe a pruned network, so that its weights can be loaded without the large one's."""
    options = dict(spec.network.options)
    options["widths"] = list(small.widths)
    options["strides"] = [list(step) for step in small.strides]
    network = spec.network.model_copy(update={"options": options})
    return spec.model_copy(update={"network": network})


def table(rows: Sequence[LevelRow]) -> str:
    """Lay the rows out as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(rows[0])))
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _dice_and_iou(
    predicted: LabelMap, truth: LabelMap, labels: Mapping[str, int]
) -> list[tuple[float, float]]:
    scores = evaluate_case(
        predicted.array, truth.array, truth.grid.spacing_mm, labels, overlap_only=True
    ).to_dict()
    return [(found["dice"], found["iou"]) for found in scores.values()]


def _forward_seconds(networks: Sequence[TrainedModel], window: tuple[int, ...]) -> list[float]:
    """Time the levels in turn, so that a busy moment falls on all of them."""
    device = networks[0].device
    x = torch.zeros(window, device=device)
    times: list[list[float]] = [[] for _ in networks]
    with torch.inference_mode():
        for turn in range(_TIMED_PASSES + 1):
            for small, found in zip(networks, times, strict=True):
                started = time.perf_counter()
                small.net(x)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if turn:  # the first pass sets up
                    found.append(time.perf_counter() - started)
    return [median(found) for found in times]


def _window(deepest: TrainedModel) -> tuple[int, ...]:
    """Shape of one patch, enlarged to what the deepest level takes: the same work for all."""
    sides = zip(deepest.run_spec.patch, deepest.segmenter.multiple, strict=True)
    return 1, deepest.run_spec.network.in_channels, *(-(-side // m) * m for side, m in sides)


def _row(
    level: int,
    net: Segmenter,
    scores: Sequence[tuple[float, float]],
    seconds: float,
    cases: int,
    window: tuple[int, ...],
) -> LevelRow:
    values = np.array(scores, float)
    return LevelRow(
        level=level,
        parameters=count_parameters(net),
        multiply_adds=multiply_adds(net, window),
        seconds=seconds,
        dice=_mean(values[:, 0]),
        iou=_mean(values[:, 1]),
        cases=cases,
        undefined=int(np.isnan(values[:, 0]).sum()),
    )


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is defined; ``nan`` where nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _facts(result: Pruned, run: Path, model: TrainedModel, *, chosen: bool) -> dict[str, Any]:
    return {
        "format": 1,
        "run": str(run.resolve()),
        "kept_level": result.level,
        "chosen_by": f"Dice within {result.max_dice_loss:g} of the best" if chosen else "request",
        "full_weights_sha256": model.weights_sha256,
        "timing": f"median of {_TIMED_PASSES} forward passes of one patch, levels in turn",
        "patch": list(model.run_spec.patch),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "levels": [asdict(row) for row in result.rows],
    }
