"""What is measured of every trial of the segmentation-ability study, and kept in its folder.

again/audit         an audit of the test cases, with its tables and pictures
again/separable     the output against the intensities alone (section 4.7)
again/noise         change of SA under noise (section 4.8)
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from segscope.audit import CaseAudit, DatasetAudit, Opened, Subject, audit, read_audit
from segscope.audit.result import mean_of
from segscope.data import Dataset, open_dataset
from segscope.experiments import Outcome, Trial, cases_of, on_trials, read_again, write_again
from segscope.explain import separableness, uniform_noise
from segscope.images import Case
from segscope.inference import TrainedModel, load_model
from segscope.progress import track
from segscope.workflows.audit_folder import read_pictures, run_audit

ARMS = ("offline", "online")
NOISE = tuple(round(0.1 * k, 1) for k in range(1, 11))
"""Maxima, in units of each image's range."""

_NOISY_CASES = 12
_AUDIT, _SEPARABLE, _NOISE = "audit", "separable", "noise"


@dataclass(frozen=True)
class Audited:
    """One trial's audit of its test cases.

    Args:
        trial: Which.
        found: What the audit found.
        folder: Where its pictures lie.
    """

    trial: Trial
    found: DatasetAudit
    folder: Path

    def pictures(self) -> dict[str, bytes]:
        """Read what the audit drew."""
        return read_pictures(self.folder)


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
class Noisy:
    """One case: SA of every layer with noise up to ``maximum``, less that without."""

    case: str
    maximum: float
    change: tuple[float, ...]


def measure_trials(
    outcome: Outcome, dataset: Dataset, folder: Path, *, jobs: int = 1, ray: bool = False
) -> None:
    """Measure every trial that is done together with the other arm's of its draw.

    The two networks of a draw are each other's ensemble.
    """
    done = {
        (t.arm.name, t.draw.name): t
        for t in outcome.trials
        if (folder / t.place / "result.json").is_file()
    }

    def other(trial: Trial) -> list[str]:
        (name,) = (arm for arm in ARMS if arm != trial.arm.name)
        found = done.get((name, trial.draw.name))
        return [] if found is None else [found.place]

    both = [trial for trial in done.values() if other(trial)]
    on_trials(_audit, both, dataset, folder, _AUDIT, options=other, jobs=jobs, ray=ray)
    for work, name in ((_separable, _SEPARABLE), (_noise, _NOISE)):
        on_trials(work, list(done.values()), dataset, folder, name, jobs=jobs, ray=ray)


def read_audits(outcome: Outcome, folder: Path) -> dict[str, list[Audited]]:
    """Read the audits that are there: arm to those of its trials, in the draws' order."""
    found: dict[str, list[Audited]] = {arm: [] for arm in ARMS}
    for trial, _ in _measured(outcome, folder, _AUDIT):
        place = folder / trial.place / "again" / _AUDIT
        found[trial.arm.name].append(Audited(trial, read_audit(place / "audit.json"), place))
    return found


def read_separable(outcome: Outcome, folder: Path) -> dict[str, list[Separable]]:
    """Read every trial's cases, by arm."""
    found: dict[str, list[Separable]] = {}
    for trial, cases in _measured(outcome, folder, _SEPARABLE):
        found.setdefault(trial.arm.name, []).extend(Separable(**case) for case in cases)
    return found


def read_noise(outcome: Outcome, folder: Path) -> dict[str, list[Noisy]]:
    """Read every trial's cases, by arm."""
    found: dict[str, list[Noisy]] = {}
    for trial, cases in _measured(outcome, folder, _NOISE):
        found.setdefault(trial.arm.name, []).extend(
            Noisy(one["case"], one["maximum"], tuple(_number(v) for v in one["change"]))
            for one in cases
        )
    return found


def separable_cases(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset
) -> list[Separable]:
    """Compare output and intensities of every case with a defined Dice (section 4.7)."""
    subject = Subject.of(model, reading=dataset.reading)
    opened = (subject.open(case) for case in track(cases, "separableness"))
    found = [_compare(subject, one) for one in opened if one.truth is not None]
    return [one for one in found if one.distance == one.distance]


def noise_changes(model: TrainedModel, cases: Sequence[Case], dataset: Dataset) -> list[Noisy]:
    """Measure SA of every layer with noise less that without, per case and maximum (Fig. 16)."""
    subject = Subject.of(model, reading=dataset.reading)
    opened = [subject.open(case) for case in cases]

    def layers(maximum: float) -> list[list[float]]:
        noisy = [
            (one.name, uniform_noise(one.image, maximum, seed=k), one.truth)
            for k, one in enumerate(opened)
        ]
        return [layers_of(case) for case in audit(model, noisy, units="none").cases]

    clean = layers(0.0)
    return [
        Noisy(one.name, maximum, tuple(n - c for n, c in zip(noisy, without, strict=True)))
        for maximum in NOISE
        for one, noisy, without in zip(opened, layers(maximum), clean, strict=True)
    ]


def layers_of(case: CaseAudit) -> list[float]:
    """SA of every layer, over classes the mean."""
    return [mean_of(layer.scores.get("dice", ())) for layer in case.layers]


def _compare(subject: Subject, case: Opened) -> Separable:
    assert case.truth is not None  # those without were left out
    pieces = subject.pieces(case)
    with torch.inference_mode():
        parts = [subject.probabilities(x.to(subject.device)).cpu() for x in pieces.image.split(1)]
    guide = pieces.joined(torch.cat(parts))[None]
    output, intensities, _ = separableness(case.image[None], guide, case.truth[None])
    return Separable(case.name, float(output.nanmean()), float(intensities.nanmean()))


def _audit(dataset_folder: str, folder: str, name: str, other: str, place: str) -> None:
    model, cases, dataset = _opened(dataset_folder, folder, place)
    root, into = Path(folder) / place, Path(folder) / place / "again" / name
    if into.is_dir():
        shutil.rmtree(into)  # what an audit that was killed has left
    run_audit(
        model, cases, into, run=root / "run", ensemble=[Path(folder) / other / "run"],
        reading=dataset.reading,
    )  # fmt: skip
    write_again(root, name, {"ensemble": other})


def _separable(dataset_folder: str, folder: str, name: str, place: str) -> None:
    found = separable_cases(*_opened(dataset_folder, folder, place))
    write_again(Path(folder) / place, name, {"cases": [asdict(one) for one in found]})


def _noise(dataset_folder: str, folder: str, name: str, place: str) -> None:
    model, cases, dataset = _opened(dataset_folder, folder, place)
    chosen = cases[:: max(1, len(cases) // _NOISY_CASES)]
    found = noise_changes(model, chosen, dataset)
    write_again(Path(folder) / place, name, {"cases": [asdict(one) for one in found]})


def _opened(
    dataset_folder: str, folder: str, place: str
) -> tuple[TrainedModel, tuple[Case, ...], Dataset]:
    """A trial's network with its last weights, and its test cases."""
    root = Path(folder) / place
    draw = json.loads((root / "trial.json").read_text("utf-8"))["draw"]
    dataset = open_dataset(Path(dataset_folder))
    model = load_model(root / "run", weights="last", device="auto")
    return model, cases_of(dataset, draw["test"]), dataset


def _measured(
    outcome: Outcome, folder: Path, name: str
) -> Iterator[tuple[Trial, list[dict[str, Any]]]]:
    for trial in outcome.trials:
        facts = read_again(folder / trial.place, name)
        if facts is not None:
            yield trial, facts.get("cases", [])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value  # JSON has no nan
