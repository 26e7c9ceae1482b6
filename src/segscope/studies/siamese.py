"""The content loss paper's comparison on any dataset: one network, one split, many losses.

What the paper shows and what is made here:

    Table 1    scores per loss, on the same centre and another       `Study.scores`, `.external`
    Table 2    features as they were, and trained in the game        `content_game`
    Fig. 4     predictions of each loss over an image                `studies.siamese_page`
    Fig. 5     volume difference against positive class density      `studies.siamese_page`

Networks are used with their last weights: nothing is chosen on the cases that are reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import (
    Dataset,
    json_ready,
    measure_fingerprint,
    read_label,
    read_label_of,
    write_json,
)
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import load_model, predict_cases
from segscope.metrics import Summary, counted_value, evaluate_folders
from segscope.training import (
    Recipe,
    has_begun,
    labelled,
    load_partial,
    plan_recipe,
    train_dataset,
    validation_cases,
)
from segscope.training.recipe import merge

LOSSES: dict[str, dict[str, Any]] = {
    "dice": {"name": "dice", "options": {}},
    "tversky": {"name": "tversky", "options": {"alpha": 0.3, "beta": 0.7}},
    "generalized_dice": {"name": "generalized_dice", "options": {}},
    "focal": {"name": "focal", "options": {}},
    "hybrid": {"name": "hybrid", "options": {"variant": "stable"}},
    "content": {"name": "content"},
    "content_dice": {"name": "content", "plus": {"dice": 1.0}},
    "content_game": {"name": "content", "minmax": 1e-5},
}
"""What is compared; options beyond those are the losses' own defaults."""

METRICS = ("dice", "hd95_mm", "avd_percent", "lesion_recall", "lesion_f1")

BUDGETS: dict[str, dict[str, Any]] = {
    "minutes": {
        "preprocessing": {"resize": [96, 96]},
        "patch": [96, 96],
        "network": {"widths": [8, 16, 32, 64]},
        "train": {"epochs": 8, "steps_per_epoch": 30},
    },
    "hours": {
        "network": {"widths": [16, 32, 64, 128, 256]},
        "train": {"epochs": 30, "steps_per_epoch": 50},
    },
    "paper": {},
}
"""From minutes on two cores to the paper's set-up (for a graphics card)."""

_FEWEST_TO_TEST = 6


@dataclass(frozen=True)
class LossScore:
    """One row: means over cases with n and undefined ones, and every case's own values.

    Args:
        loss: Which.
        minutes: Of training.
        means: Metric to mean.
        sd: Metric to standard deviation over cases.
        cases: How many.
        undefined: Metric to how many cases it is undefined in.
        values: Metric to the values of the cases, in order.
    """

    loss: str
    minutes: float
    means: dict[str, float]
    sd: dict[str, float]
    cases: int
    undefined: dict[str, int]
    values: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Comparison:
    """A paired test of one loss against the content loss."""

    loss: str
    metric: str
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Study:
    """All that the page shows."""

    dataset: str
    budget: str
    features: str
    recipe: Recipe
    case_names: tuple[str, ...]
    pcd_percent: tuple[float, ...]
    scores: tuple[LossScore, ...]
    challenge: tuple[LossScore, ...]
    external: tuple[LossScore, ...]
    external_name: str
    tests: tuple[Comparison, ...]


def run_study(
    dataset: Dataset,
    folder: Path,
    *,
    external: Dataset | None = None,
    phi: str = "imagenet",
    budget: str = "minutes",
    settings: Mapping[str, Any] | None = None,
    fold: int = 0,
    folds: int = 3,
    losses: Sequence[str] = tuple(LOSSES),
) -> Study:
    """Train one network per loss and score all; finished runs in ``folder`` are taken as they are.

    Args:
        dataset: With labelled cases of one foreground label.
        folder: Receives ``runs/``, ``predictions/`` and ``study.json``.
        external: Another centre's cases with the same channels and label.
        phi: Weights of the content loss's features: ``imagenet``, a file, or ``random``.
        budget: One of `BUDGETS`.
        settings: Nested recipe values, the same for all.
        fold: Held out, of ``folds``.
        folds: See ``fold``; never more than there are subjects.
        losses: Names in `LOSSES`.

    Raises:
        InputError: More than one foreground label; unknown names; datasets that do not fit.
    """
    _check(dataset, external, budget, losses)
    fingerprint = measure_fingerprint(dataset)
    wanted = merge(BUDGETS[budget], settings or {})
    folds = min(folds, len({case.group for case in labelled(dataset)}))
    minutes: dict[str, float] = {}
    recipe = None
    for name in losses:
        recipe = plan_recipe(fingerprint, _preset(name, phi), wanted)
        run = folder / "runs" / name
        progress = train_dataset(
            dataset, fingerprint, recipe, run, fold=fold, folds=folds, cache=folder / "cache",
            resume=has_begun(run),
        )  # fmt: skip
        minutes[name] = progress.elapsed_s / 60
    assert recipe is not None  # there is a loss
    cases = validation_cases(folder / "runs" / losses[0], dataset)
    volumes = fingerprint.image_dims == 3
    scores = [_scored(n, folder, dataset, cases, minutes[n], "default", "own") for n in losses]
    challenge = (
        [_scored(n, folder, dataset, cases, minutes[n], "wmh2017", "own") for n in losses]
        if volumes
        else []
    )
    elsewhere = (
        [
            _scored(n, folder, external, labelled(external), minutes[n], "default", "external")
            for n in losses
        ]
        if external is not None
        else []
    )
    study = Study(
        dataset=dataset.name,
        budget=budget,
        features=phi,
        recipe=recipe,
        case_names=tuple(case.name for case in cases),
        pcd_percent=tuple(density(dataset, case) for case in cases),
        scores=tuple(scores),
        challenge=tuple(challenge),
        external=tuple(elsewhere),
        external_name="" if external is None else external.name,
        tests=tuple(paired_tests(scores)),
    )
    write_json(folder / "study.json", _numbers(study))
    return study


def density(dataset: Dataset, case: Case) -> float:
    """Positive class density (PCD): percent of voxels that are foreground."""
    label = read_label_of(dataset, case).array
    return 100 * float(np.count_nonzero(label)) / label.size


def paired_tests(scores: Sequence[LossScore]) -> list[Comparison]:
    """Wilcoxon's signed-rank test of each loss against the content loss, over the same cases.

    Empty where fewer than six cases have both values, or where all differences are zero: then no
    test could tell anything. p is corrected by Holm over all tests of a metric.
    """
    from scipy.stats import wilcoxon

    by_name = {score.loss: score for score in scores}
    if "content" not in by_name:
        return []
    found = []
    for metric in ("lesion_f1", "dice"):
        raw: list[tuple[str, float, float]] = []
        reference = np.array(by_name["content"].values[metric])
        for name, score in by_name.items():
            other = np.array(score.values[metric])
            both = np.isfinite(reference) & np.isfinite(other)
            difference = (reference - other)[both]
            if name != "content" and both.sum() >= _FEWEST_TO_TEST and difference.any():
                p = float(wilcoxon(difference, zero_method="zsplit").pvalue)
                raw.append((name, float(difference.mean()), p))
        corrected = holm([p for _, _, p in raw])
        found += [
            Comparison(name, metric, difference, p, adjusted)
            for (name, difference, p), adjusted in zip(raw, corrected, strict=True)
        ]
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for how many there are (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = highest
    return adjusted


def _check(dataset: Dataset, external: Dataset | None, budget: str, losses: Sequence[str]) -> None:
    if budget not in BUDGETS:
        raise InputError(f"--budget {budget}: expected one of {', '.join(BUDGETS)}")
    unknown = [name for name in losses if name not in LOSSES]
    if unknown or not losses:
        raise InputError(f"--loss {unknown}: expected some of {', '.join(LOSSES)}")
    if len(dataset.labels) != 2:
        raise InputError(
            f"{dataset.folder}: has the labels {list(dataset.labels)}; this study is for one "
            "foreground label"
        )
    if external is not None and (
        len(external.labels) != 2 or len(external.channel_names) != len(dataset.channel_names)
    ):
        raise InputError(
            f"--external {external.folder}: has channels {external.channel_names} and labels "
            f"{list(external.labels)}, expected as many as {dataset.folder} has"
        )


def _preset(name: str, phi: str) -> dict[str, Any]:
    preset = load_partial("siamese")
    loss = LOSSES[name]
    if loss["name"] == "content":
        options = {**preset["loss"]["options"], "weights": phi}
        return {**preset, "loss": {**loss, "options": options}}
    return {**preset, "loss": loss}


def _scored(
    name: str,
    folder: Path,
    dataset: Dataset,
    cases: Sequence[Case],
    minutes: float,
    convention: str,
    where: str,
) -> LossScore:
    model = load_model(folder / "runs" / name, weights="last")
    out = folder / "predictions" / where / name
    predict_cases(model, cases, out, anyway=True)
    by_file = {case.label_file: case for case in cases}
    summary = evaluate_folders(
        out,
        dataset.truth,
        read=read_label,
        read_truth=lambda file: read_label_of(dataset, by_file[file]),
        labels=dataset.labels,
        cases=[case.name for case in cases],
        convention=convention,
    )
    return _row(name, minutes, summary)


def _row(name: str, minutes: float, summary: Summary) -> LossScore:
    ((_, statistics),) = summary.by_label.items()
    return LossScore(
        loss=name,
        minutes=minutes,
        means={metric: float(statistics[metric]["mean"]) for metric in METRICS},
        sd={metric: float(statistics[metric]["sd"]) for metric in METRICS},
        cases=len(summary.rows),
        undefined={metric: int(statistics[metric]["undefined"]) for metric in METRICS},
        values={
            metric: tuple(counted_value(row, metric) for row in summary.rows) for metric in METRICS
        },
    )


def _numbers(study: Study) -> dict[str, Any]:
    facts = asdict(study)
    facts["recipe"] = study.recipe.model_dump(mode="json")
    return json_ready({"format": 1, **facts})
