"""Everything that is wrong with a dataset, at once, file by file."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.fingerprint import CaseFacts, case_facts, combine
from segscope.data.layout import LoadedCase, load_case, open_dataset
from segscope.errors import InputError
from segscope.images import Case, Fingerprint
from segscope.progress import track


@dataclass(frozen=True)
class Problem:
    """One fault: where, and what to do, in one sentence."""

    case: str
    message: str


@dataclass(frozen=True)
class Report:
    """What `check_dataset` found.

    Args:
        folder: The dataset.
        problems: Faults that make cases unusable.
        warnings: What a person should know.
        fingerprint: Of the usable cases; None where the layout itself is broken or none is left.
    """

    folder: Path
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    fingerprint: Fingerprint | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "format": 1,
            "folder": str(self.folder),
            "problems": [asdict(p) for p in self.problems],
            "warnings": [asdict(w) for w in self.warnings],
            "fingerprint": None if self.fingerprint is None else self.fingerprint.model_dump(),
        }


def check_dataset(folder: Path) -> Report:
    """Read every file of a dataset by the verified path and report all faults together."""
    try:
        dataset = open_dataset(folder)
    except InputError as error:
        faults = error.problems or [str(error)]
        return Report(Path(folder), tuple(Problem("layout", f) for f in faults), (), None)
    problems: list[Problem] = []
    warnings = [Problem("layout", text) for text in dataset.warnings]
    facts: list[CaseFacts] = []
    everything: tuple[Case, ...] = (*dataset.training, *dataset.test)
    for case in track(everything, "checking"):
        try:
            loaded = load_case(case, channels=len(dataset.channel_names), labels=dataset.labels)
        except InputError as error:
            problems.append(Problem(case.name, str(error)))
            continue
        warnings += [Problem(case.name, text) for text in _remarks(loaded)]
        if loaded.label is not None:
            measured = case_facts(loaded, dataset.labels)
            facts.append(measured)
            warnings += [Problem(case.name, text) for text in _flat(measured, dataset.labels)]
    fingerprint = None
    if facts:
        try:
            fingerprint = combine(dataset, facts)
        except InputError as error:
            problems.append(Problem("dataset", str(error)))
    if fingerprint is not None:
        warnings += _outliers(fingerprint)
    return Report(Path(folder), tuple(problems), tuple(warnings), fingerprint)


def _remarks(loaded: LoadedCase) -> list[str]:
    notes = (*loaded.image.notes, *(loaded.label.notes if loaded.label else ()))
    return list(dict.fromkeys(notes))


def _flat(facts: CaseFacts, labels: dict[str, int]) -> list[str]:
    said = [
        f"channel {k} is constant ({facts.minima[k]:g})"
        for k in np.flatnonzero(facts.minima == facts.maxima)
    ]
    if not facts.label_voxels[1:].any():
        said.append("its label map is empty")
    return said


def _outliers(fingerprint: Fingerprint) -> list[Problem]:
    found = []
    usual = fingerprint.median_spacing_mm
    for name, spacing in zip(fingerprint.cases, fingerprint.spacings_mm, strict=True):
        ratio = max(max(s / u, u / s) for s, u in zip(spacing, usual, strict=True))
        if ratio > 3:
            found.append(
                Problem(name, f"its spacing {spacing} mm is far from the usual {usual} mm")
            )
    sizes = Counter(fingerprint.label_voxels)
    found += [
        Problem("dataset", f"label {name!r} ({value}) does not occur in any case")
        for name, value in fingerprint.labels.items()
        if value and not sizes[value]
    ]
    return found
