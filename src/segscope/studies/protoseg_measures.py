"""What is measured of every trial of the segmentation-ability study, and kept in its folder.

again/audit         an audit of the test cases, with its tables and pictures
again/separable     the output against the intensities alone (section 4.7)
again/noise         change of SA under noise (section 4.8)
again/controls      SA of the same network untrained, and against another subject's truth
again/active        how many units of the last layer are needed (eqs. 9 to 11)
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segscope.audit import DatasetAudit, read_audit
from segscope.audit.active import ActiveUnits, active_units
from segscope.audit.controls import Controlled, control_scores
from segscope.audit.sensitivity import Noisy, Separable, noise_changes, separable_cases
from segscope.data import Dataset
from segscope.experiments import Outcome, Trial, on_trials, open_trial, read_again, write_again
from segscope.workflows.audit_folder import read_pictures, run_audit

ARMS = ("offline", "online")
DETACHED = "online (guide detached)"
"""The control arm: layers are taught by the loss, the output is not, through them, once more."""

_NOISY_CASES = 12
_CONTROLLED_CASES = 24
_AUDIT, _SEPARABLE, _NOISE, _CONTROLS = "audit", "separable", "noise", "controls"
_ACTIVE = "active"


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


def measure_trials(
    outcome: Outcome, dataset: Dataset, folder: Path, *, jobs: int = 1, ray: bool = False
) -> None:
    """Measure every trial that is done together with the other arm's of its draw.

    The two networks of a draw are each other's ensemble; a control's is the offline one.
    """
    done = {
        (t.arm.name, t.draw.name): t
        for t in outcome.trials
        if (folder / t.place / "result.json").is_file()
    }

    def other(trial: Trial) -> list[str]:
        name = ARMS[1] if trial.arm.name == ARMS[0] else ARMS[0]
        found = done.get((name, trial.draw.name))
        return [] if found is None else [found.place]

    both = [trial for trial in done.values() if other(trial)]
    on_trials(_audit, both, dataset, folder, _AUDIT, options=other, jobs=jobs, ray=ray)
    compared = [trial for trial in done.values() if trial.arm.name in ARMS]
    works = {
        _SEPARABLE: _separable, _NOISE: _noise, _CONTROLS: _controls, _ACTIVE: _active,
    }  # fmt: skip
    for name, work in works.items():
        on_trials(work, compared, dataset, folder, name, jobs=jobs, ray=ray)


def read_audits(outcome: Outcome, folder: Path) -> dict[str, list[Audited]]:
    """Read the audits that are there: arm to those of its trials, in the draws' order."""
    found: dict[str, list[Audited]] = {arm.name: [] for arm in outcome.experiment.arms}
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


def read_controls(outcome: Outcome, folder: Path) -> dict[str, list[Controlled]]:
    """Read every trial's cases, by arm."""
    found: dict[str, list[Controlled]] = {}
    for trial, cases in _measured(outcome, folder, _CONTROLS):
        found.setdefault(trial.arm.name, []).extend(
            Controlled(one["case"], one["control"], tuple(_number(v) for v in one["abilities"]))
            for one in cases
        )
    return found


def read_active(outcome: Outcome, folder: Path) -> list[tuple[Trial, ActiveUnits]]:
    """Read how many units every trial's last layer needs."""
    return [
        (
            trial,
            ActiveUnits(
                one["layer"],
                tuple(one["order"]),
                tuple(map(_number, one["dice"])),
                tuple(map(_number, one["random"])),
                _number(one["dice_whole"]),
                one["allowed"],
            ),
        )
        for trial, cases in _measured(outcome, folder, _ACTIVE)
        for one in cases
    ]


def _audit(dataset_folder: str, folder: str, name: str, other: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    into = trial.root / "again" / name
    if into.is_dir():
        shutil.rmtree(into)  # what an audit that was killed has left
    run_audit(
        trial.model, trial.cases, into, run=trial.root / "run",
        ensemble=[Path(folder) / other / "run"], reading=trial.dataset.reading,
    )  # fmt: skip
    write_again(trial.root, name, {"ensemble": other})


def _separable(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    found = separable_cases(trial.model, trial.cases, trial.dataset)
    write_again(trial.root, name, {"cases": [asdict(one) for one in found]})


def _noise(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    chosen = trial.cases[:: max(1, len(trial.cases) // _NOISY_CASES)]
    found = noise_changes(trial.model, chosen, trial.dataset)
    write_again(trial.root, name, {"cases": [asdict(one) for one in found]})


def _controls(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    chosen = trial.cases[:: max(1, len(trial.cases) // _CONTROLLED_CASES)]
    found = control_scores(trial.model, chosen, trial.dataset, seed=0)
    write_again(trial.root, name, {"cases": [asdict(one) for one in found]})


def _active(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    chosen = trial.cases[:: max(1, len(trial.cases) // _NOISY_CASES)]
    found = active_units(trial.model, chosen, trial.dataset)
    write_again(trial.root, name, {"cases": [asdict(found)]})


def _measured(
    outcome: Outcome, folder: Path, name: str
) -> Iterator[tuple[Trial, list[dict[str, Any]]]]:
    for trial in outcome.trials:
        facts = read_again(folder / trial.place, name)
        if facts is not None:
            yield trial, facts.get("cases", [])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value  # JSON has no nan
