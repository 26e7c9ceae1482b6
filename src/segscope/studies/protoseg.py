"""The segmentation-ability paper on any dataset: offline against online, quality, noise.

What the paper shows and what is made here:

    Fig. 5, Table 1    SA of every layer, Dice of output and last map, offline and online
    Figs. 6-9, 13      maps of layers, units, heat-maps                 (the audits' pictures)
    Figs. 10-12, Table 2   mu and VoG against Dice, coverage            (the audits' figures)
    Table 3, Fig. 15   separableness                                   `Study.separable`
    Fig. 16            SA with noise less SA without                   `Study.noise`

One fold is held out. Both networks are used with their last weights, so that nothing at all was
chosen on the cases that are reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from segscope.audit import DatasetAudit, Subject, audit, read_audit
from segscope.audit.summary import layer_means
from segscope.data import Dataset, json_ready, measure_fingerprint, write_json
from segscope.errors import InputError
from segscope.explain import separableness, uniform_noise
from segscope.images import Case
from segscope.inference import TrainedModel, load_model
from segscope.progress import track
from segscope.training import (
    Recipe,
    has_begun,
    load_partial,
    plan_recipe,
    train_dataset,
    validation_cases,
)
from segscope.training.recipe import merge
from segscope.workflows.audit_folder import run_audit

BUDGETS: dict[str, dict[str, Any]] = {
    "minutes": {
        "preprocessing": {"resize": [128, 128]},
        "patch": [128, 128],
        "network": {"widths": [8, 16, 32, 64, 128]},
        "train": {
            "epochs": 15,
            "steps_per_epoch": 40,
            "learning_rate": 1e-3,
            "snapshots": [3, 6, 9, 12, 15],
        },
    },
    "hours": {
        "preprocessing": {"resize": [256, 256]},
        "patch": [256, 256],
        "network": {"widths": [16, 32, 64, 128, 256]},
        "train": {"steps_per_epoch": 50, "learning_rate": 3e-4},
    },
    "paper": {"train": {"steps_per_epoch": 200}},
}
"""From minutes on two cores to the paper's widths (for a graphics card)."""

NOISE = tuple(round(0.1 * k, 1) for k in range(1, 11))
_NOISY_CASES = 12


@dataclass(frozen=True)
class Separable:
    """One case: Dice of the output, SA of its intensities, and their distance."""

    case: str
    dice: float
    intensities: float

    @property
    def distance(self) -> float:
        """d = Dice(B) - SA(S_x)."""
        return self.dice - self.intensities


@dataclass(frozen=True)
class Study:
    """All that the page shows."""

    dataset: str
    budget: str
    recipe: Recipe
    audits: Mapping[str, DatasetAudit]
    separable: tuple[Separable, ...]
    noise: Mapping[float, Sequence[float]]
    noisy_cases: int


def run_study(
    dataset: Dataset,
    folder: Path,
    *,
    budget: str = "minutes",
    settings: Mapping[str, Any] | None = None,
    fold: int = 0,
    folds: int = 3,
) -> Study:
    """Train with and without the online loss, audit both on the held-out fold, measure the rest.

    Finished trainings and audits in ``folder`` are taken as they are.

    Args:
        dataset: With labelled cases.
        folder: Receives ``runs/``, ``audits/`` and ``study.json``.
        budget: One of `BUDGETS`.
        settings: Nested recipe values, the same for both.
        fold: Held out, of ``folds``.
        folds: See ``fold``.
    """
    if budget not in BUDGETS:
        raise InputError(f"--budget {budget}: expected one of {', '.join(BUDGETS)}")
    fingerprint = measure_fingerprint(dataset)
    wanted = merge(BUDGETS[budget], settings or {})
    runs = {name: folder / "runs" / name for name in ("offline", "online")}
    recipes = {}
    for name, run in runs.items():
        online = {"loss": {"prototype": 1.0 if name == "online" else 0.0}}
        recipes[name] = plan_recipe(fingerprint, load_partial("protoseg"), merge(wanted, online))
        train_dataset(
            dataset,
            fingerprint,
            recipes[name],
            run,
            fold=fold,
            folds=folds,
            cache=folder / "cache",
            resume=has_begun(run),
        )
    cases = validation_cases(runs["offline"], dataset)
    models = {name: load_model(run, weights="last") for name, run in runs.items()}
    audits = {}
    for name, model in models.items():
        place = folder / "audits" / name
        other = runs["online" if name == "offline" else "offline"]
        if not (place / "audit.json").is_file():
            run_audit(
                model,
                cases,
                place,
                run=runs[name],
                ensemble=[other],
                reading=dataset.reading,
            )
        audits[name] = read_audit(place / "audit.json")
    noisy = cases[:: max(1, len(cases) // _NOISY_CASES)]
    study = Study(
        dataset=dataset.name,
        budget=budget,
        recipe=recipes["online"],
        audits=audits,
        separable=tuple(separable_cases(models["offline"], cases, dataset)),
        noise=noise_curves(models["offline"], noisy, dataset),
        noisy_cases=len(noisy),
    )
    write_json(folder / "study.json", _numbers(study))
    return study


def separable_cases(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset
) -> list[Separable]:
    """Compare output and intensities of every case with a defined Dice (section 4.7)."""
    subject = Subject.of(model, reading=dataset.reading)
    found = []
    for case in track(cases, "separableness"):
        opened = subject.open(case)
        if opened.truth is None:
            continue
        pieces = subject.pieces(opened)
        with torch.inference_mode():
            parts = [
                subject.probabilities(x.to(subject.device)).cpu() for x in pieces.image.split(1)
            ]
        guide = pieces.joined(torch.cat(parts))[None]
        output, intensities, _ = separableness(opened.image[None], guide, opened.truth[None])
        dice, own = float(output.nanmean()), float(intensities.nanmean())
        if dice == dice and own == own:
            found.append(Separable(case.name, dice, own))
    return found


def noise_curves(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset
) -> dict[float, list[float]]:
    """Mean SA of every layer with noise less that without, per maximum of the noise (Fig. 16)."""
    subject = Subject.of(model, reading=dataset.reading)
    opened = [subject.open(case) for case in cases]

    def means(maximum: float) -> list[float]:
        noisy = [
            (one.name, uniform_noise(one.image, maximum, seed=k), one.truth)
            for k, one in enumerate(opened)
        ]
        return layer_means(audit(model, noisy, units="none"), "dice")

    clean = means(0.0)
    return {
        maximum: [n - c for n, c in zip(means(maximum), clean, strict=True)] for maximum in NOISE
    }


def _numbers(study: Study) -> dict[str, Any]:
    return json_ready(
        {
            "format": 1,
            "dataset": study.dataset,
            "budget": study.budget,
            "recipe": study.recipe.model_dump(mode="json"),
            "separable": [asdict(one) | {"distance": one.distance} for one in study.separable],
            "noise": {str(maximum): list(curve) for maximum, curve in study.noise.items()},
            "noisy_cases": study.noisy_cases,
        }
    )
