"""The levels of a nested network: what each costs, what each scores, and which to keep.

As the ANU-Net paper's Table 6 and Fig. 13, but timing the network alone.
"""

import csv
import io
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from segscope.data import load_case, write_json, write_text
from segscope.errors import InputError
from segscope.images import Case, LabelMap
from segscope.inference.model import ModelSpec, TrainedModel, load_model, prune, save_model
from segscope.inference.predict import predict_prepared
from segscope.metrics import evaluate_case
from segscope.networks import count_parameters, multiply_adds
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


def measure_levels(
    model: TrainedModel, cases: Sequence[Case], *, labels: Mapping[str, int]
) -> list[LevelRow]:
    """Measure every level of a nested network on labelled cases.

    Raises:
        InputError: The network has no levels, or there is no case.
    """
    if not cases:
        raise InputError("pruning needs validation cases; this run has none")
    levels = [prune(model.net, k) for k in range(1, model.net.head_count + 1)]
    networks = [TrainedModel(model.spec, net) for net in levels]
    scores: list[list[tuple[float, float]]] = [[] for _ in networks]
    for case in track(cases, "scoring levels"):
        loaded = load_case(case, channels=len(model.spec.channel_names), labels=labels)
        if loaded.label is None:
            raise InputError(f"case {case.name}: has no label map; pruning needs one")
        prepared = model.spec.plan.apply(loaded.image)
        for small, found in zip(networks, scores, strict=True):
            probabilities = predict_prepared(small, prepared.array)
            predicted = model.spec.plan.undo_labels(probabilities, prepared)
            found += _dice_and_iou(predicted, loaded.label, labels)
    seconds = _forward_seconds(networks)
    return [
        _row(k + 1, small, found, second, len(cases))
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
    best = max(row.dice for row in rows)
    return min(row.level for row in rows if row.dice >= best - max_dice_loss)


def prune_run(
    run: Path,
    folder: Path,
    *,
    cases: Sequence[Case],
    level: int | None = None,
    max_dice_loss: float = 0.01,
    device: str = "cpu",
) -> Pruned:
    """Measure all levels of a run, and write one as a run of its own.

    Args:
        run: With a nested network.
        folder: New; receives the pruned run with ``prune.csv`` and ``prune.json``.
        cases: Validation cases of the run.
        level: The one to keep; where not given, `choose_level` decides.
        max_dice_loss: For that.
        device: To measure on.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"-o {folder}: exists and is not an empty folder; name another")
    model = load_model(run, device=device)
    if level is not None:
        prune(model.net, level)  # says what is possible before any work
    rows = measure_levels(model, cases, labels=model.spec.labels)
    kept = choose_level(rows, max_dice_loss) if level is None else level
    save_model(folder, pruned_spec(model.spec, kept), prune(model.net, kept))
    for name in ("split.json", "recipe.yaml", "fingerprint.json"):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
    result = Pruned(folder, kept, tuple(rows), max_dice_loss)
    write_json(folder / "prune.json", _facts(result, run, device, chosen=level is None))
    write_text(folder / "prune.csv", table(rows))
    return result


def pruned_spec(spec: ModelSpec, level: int) -> ModelSpec:
    """Describe the network of a level."""
    options = dict(spec.network.options)
    options["widths"] = list(options["widths"])[: level + 1]
    if options.get("strides") is not None:
        options["strides"] = list(options["strides"])[:level]
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


def _forward_seconds(networks: Sequence[TrainedModel]) -> list[float]:
    """Time the levels in turn, so that a busy moment falls on all of them."""
    spec = networks[0].spec
    device = next(networks[0].net.parameters()).device
    x = torch.zeros(1, spec.network.in_channels, *_patch(networks[0]), device=device)
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


def _patch(model: TrainedModel) -> tuple[int, ...]:
    return tuple(model.spec.patch)


def _row(
    level: int,
    small: TrainedModel,
    scores: Sequence[tuple[float, float]],
    seconds: float,
    cases: int,
) -> LevelRow:
    values = np.array(scores, float)
    shape = (1, small.spec.network.in_channels, *_patch(small))
    return LevelRow(
        level=level,
        parameters=count_parameters(small.net),
        multiply_adds=multiply_adds(small.net, shape),
        seconds=seconds,
        dice=float(np.nanmean(values[:, 0])),
        iou=float(np.nanmean(values[:, 1])),
        cases=cases,
        undefined=int(np.isnan(values[:, 0]).sum()),
    )


def _facts(result: Pruned, run: Path, device: str, *, chosen: bool) -> dict[str, Any]:
    return {
        "format": 1,
        "run": str(run.resolve()),
        "kept_level": result.level,
        "chosen_by": f"Dice within {result.max_dice_loss:g} of the best" if chosen else "request",
        "device": device,
        "threads": torch.get_num_threads(),
        "levels": [asdict(row) for row in result.rows],
    }
