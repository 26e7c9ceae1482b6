"""The ANU-Net paper's comparison on any dataset: six networks, one split, one budget.

What the paper shows and what is made here:

    Tables 2-5    Dice, IoU, precision, recall of six networks      `Study.scores`
    Table 6       the pruned networks L1 to L4                       `Study.levels`
    Figs. 8-11    contours of ANU-Net and a peer beside the expert's `studies.anunet_page`
    Fig. 12       attention coefficients over epochs                 `Study.attention`
    Fig. 13       parameters, time and Dice of the pruned networks   `studies.anunet_page`

All six networks see the same samples in the same order. Scores are taken on the validation fold,
on each case's own grid, with the weights that were best on that fold: the same advantage for all
six, but not an independent test.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.data import Dataset, load_of, measure_fingerprint, write_json
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import LevelRow, TrainedModel, load_model, measure_levels
from segscope.metrics import Summary
from segscope.networks import count_parameters, multiply_adds
from segscope.studies.anunet_paper import NETWORKS
from segscope.studies.panels import spread_of_cases
from segscope.training import (
    Recipe,
    evaluate_validation,
    has_begun,
    load_partial,
    plan_recipe,
    train_dataset,
    validation_cases,
)
from segscope.training.recipe import merge

METRICS = ("iou", "dice", "precision", "recall")

BUDGETS: dict[str, dict[str, Any]] = {
    "minutes": {
        "preprocessing": {"resize": [128, 128]},
        "patch": [128, 128],
        "network": {"widths": [8, 16, 32, 64, 128]},
        "train": {"epochs": 10, "steps_per_epoch": 40, "batch_size": 8},
    },
    "hours": {
        "preprocessing": {"resize": [256, 256]},
        "patch": [256, 256],
        "network": {"widths": [16, 32, 64, 128, 256]},
        "train": {"epochs": 40, "steps_per_epoch": 50, "batch_size": 8},
    },
    "paper": {"train": {"epochs": 200, "steps_per_epoch": 250, "batch_size": 8}},
}
"""From minutes on two cores to the paper's image size and widths (for a graphics card)."""


@dataclass(frozen=True)
class NetworkScore:
    """One row of the comparison; scores are means over validation cases and labels."""

    network: str
    parameters: int
    multiply_adds: int
    minutes: float
    best_epoch: int
    means: dict[str, float]
    sd: dict[str, float]
    cases: int
    undefined: int
    case_dice: tuple[float, ...]


@dataclass(frozen=True)
class AttentionMap:
    """Attention coefficients of one validation image after one epoch."""

    epoch: int
    node: str
    coefficients: NDArray[np.float32]


@dataclass(frozen=True)
class Study:
    """All that the page shows, as plain numbers and arrays."""

    dataset: str
    budget: str
    recipe: Recipe
    scores: tuple[NetworkScore, ...]
    levels: tuple[LevelRow, ...]
    image: NDArray[np.float32]
    truth: NDArray[np.integer[Any]]
    attention: tuple[AttentionMap, ...]
    shown_cases: tuple[str, ...]


def run_study(
    dataset: Dataset,
    folder: Path,
    *,
    budget: str = "minutes",
    settings: Mapping[str, Any] | None = None,
    fold: int = 0,
    folds: int = 6,
    networks: tuple[str, ...] = tuple(NETWORKS),
) -> Study:
    """Train and score the networks; finished runs in ``folder`` are taken as they are.

    Args:
        dataset: With labelled training cases.
        folder: Receives ``runs/NETWORK``, ``study.json`` and the prepared cases.
        budget: One of `BUDGETS`; ``settings`` change single values of it.
        settings: Nested recipe values, the same for every network.
        fold: Validation fold of ``folds``; six folds are the paper's split of 5:1.
        folds: See ``fold``.
        networks: Which to compare.
    """
    if budget not in BUDGETS:
        raise InputError(f"--budget {budget}: expected one of {', '.join(BUDGETS)}")
    fingerprint = measure_fingerprint(dataset)
    wanted = merge(BUDGETS[budget], settings or {})
    scores, recipes, summaries = [], {}, {}
    for name in networks:
        epochs = int(wanted.get("train", {}).get("epochs", 1))
        extra = {"train": {"snapshots": _snapshot_epochs(epochs)}} if name == "anunet" else {}
        recipe = plan_recipe(fingerprint, load_partial(name), merge(wanted, extra))
        recipes[name] = recipe
        run = folder / "runs" / name
        progress = train_dataset(
            dataset,
            fingerprint,
            recipe,
            run,
            fold=fold,
            folds=folds,
            cache=folder / "cache",
            resume=has_begun(run),
        )
        summary = evaluate_validation(run, dataset, device=recipe.train.device)
        summaries[name] = summary
        scores.append(
            _score(name, load_model(run), progress.elapsed_s, progress.best_epoch, summary)
        )
    main = "anunet" if "anunet" in networks else networks[-1]
    run = folder / "runs" / main
    cases = validation_cases(run, dataset)
    model = load_model(run)
    levels = (
        tuple(measure_levels(model, cases, labels=dataset.labels, reading=dataset.reading))
        if main == "anunet"
        else ()
    )
    image, truth = _middle_slice(model, cases[0], dataset)
    study = Study(
        dataset=dataset.name,
        budget=budget,
        recipe=recipes[main],
        scores=tuple(scores),
        levels=levels,
        image=image,
        truth=truth,
        attention=tuple(attention_over_epochs(run, image)) if main == "anunet" else (),
        shown_cases=tuple(name for name, _ in spread_of_cases(summaries[main], 8)),
    )
    write_json(folder / "study.json", _numbers(study))
    return study


def attention_over_epochs(run: Path, image: NDArray[np.float32]) -> list[AttentionMap]:
    """Read the first level's attention of every kept epoch on one prepared image (C, *P)."""
    maps = []
    for file in sorted(run.glob("weights_epoch*.safetensors")):
        name = file.stem.removeprefix("weights_")
        model = load_model(run, weights=name)
        with torch.inference_mode():
            gates = model.net.attention(torch.from_numpy(image)[None])
        full = [node for node, alpha in gates.items() if alpha.shape[2:] == image.shape[1:]]
        maps += [
            AttentionMap(int(name.removeprefix("epoch")), node, gates[node][0, 0].numpy())
            for node in full
        ]
    return maps


def _snapshot_epochs(epochs: int) -> list[int]:
    """Up to five epochs, denser at the beginning, where attention moves most."""
    return sorted({max(1, round(epochs * share)) for share in (0.02, 0.1, 0.25, 0.5, 1.0)})


def _score(
    name: str, model: TrainedModel, elapsed_s: float, best_epoch: int, summary: Summary
) -> NetworkScore:
    shape = (1, model.spec.network.in_channels, *model.spec.patch)
    rows = [row for row in summary.rows if row["dice"] == row["dice"]]
    values = {key: np.array([row[key] for row in rows], float) for key in METRICS}
    return NetworkScore(
        network=name,
        parameters=count_parameters(model.net),
        multiply_adds=multiply_adds(model.net, shape),
        minutes=elapsed_s / 60,
        best_epoch=best_epoch,
        means={key: float(np.nanmean(v)) for key, v in values.items()},
        sd={key: float(np.nanstd(v, ddof=1)) if len(v) > 1 else 0.0 for key, v in values.items()},
        cases=len(summary.rows),
        undefined=len(summary.rows) - len(rows),
        case_dice=tuple(float(row["dice"]) for row in rows),
    )


def _middle_slice(
    model: TrainedModel, case: Case, dataset: Dataset
) -> tuple[NDArray[np.float32], NDArray[np.integer[Any]]]:
    """Prepare one case; of a volume, the slice with the largest truth."""
    plan = model.spec.plan
    loaded = load_of(dataset, case)
    prepared = plan.apply(loaded.image)
    if loaded.label is None:
        raise InputError(f"case {case.name}: has no label map")
    truth = plan.apply_label(loaded.label, prepared)
    image = prepared.array
    if plan.spatial_dims < plan.image_dims:
        axis = plan.slice_axis if plan.slice_axis is not None else truth.ndim - 1
        areas = (truth > 0).sum(tuple(k for k in range(truth.ndim) if k != axis))
        best = int(areas.argmax())
        image, truth = np.take(image, best, axis + 1), np.take(truth, best, axis)
    return np.ascontiguousarray(image, dtype=np.float32), truth


def _numbers(study: Study) -> dict[str, Any]:
    return {
        "format": 1,
        "dataset": study.dataset,
        "budget": study.budget,
        "recipe": study.recipe.model_dump(mode="json"),
        "scores": [asdict(score) for score in study.scores],
        "levels": [asdict(level) for level in study.levels],
    }
