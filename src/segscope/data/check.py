"""Everything that is wrong with a dataset, at once, file by file."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.decoders.decoded import decoding
from segscope.data.facts import orientation_of
from segscope.data.fingerprint import CaseFacts, case_facts, combine, image_files
from segscope.data.intensities import outside_rgb
from segscope.data.layout import Dataset
from segscope.data.layouts import survey
from segscope.data.loading import read_case
from segscope.data.problems import Problem
from segscope.data.readers import AS_STORED, ReadOptions
from segscope.data.remarks import on_dataset, on_files, on_flatness, on_label
from segscope.data.workers import ordered_map, reading_workers
from segscope.errors import InputError
from segscope.images import Case, Fingerprint
from segscope.images.channels import IN_WORDS, normalisation_of
from segscope.progress import track


@dataclass(frozen=True)
class Report:
    """What `check_dataset` found.

    Args:
        folder: The dataset.
        problems: Faults that make files unusable.
        warnings: What a person should know.
        fingerprint: Of the usable cases; None where ``dataset.json`` is not usable or no case is.
    """

    folder: Path
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    fingerprint: Fingerprint | None

    @property
    def normalisation(self) -> list[str]:
        """How each channel will be normalised, as its name says."""
        channels = () if self.fingerprint is None else self.fingerprint.channels
        return [IN_WORDS[normalisation_of(channel.name)] for channel in channels]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "format": 1,
            "folder": str(self.folder),
            "problems": [asdict(p) for p in self.problems],
            "warnings": [asdict(w) for w in self.warnings],
            "normalisation": self.normalisation,
            "fingerprint": None if self.fingerprint is None else self.fingerprint.model_dump(),
        }


@dataclass(frozen=True)
class _Examined:
    """One case after it was read; its voxels are gone."""

    case: Case
    problems: list[Problem]
    warnings: list[Problem]
    orientation: str | None = None
    facts: CaseFacts | None = None


def check_dataset(
    folder: Path, *, reading: ReadOptions = AS_STORED, workers: int | None = None
) -> Report:
    """Read every file of a dataset by the verified path and report all faults together.

    Also where the layout has faults, the cases that are whole are read. Each file is read once; the
    fingerprint is measured on the way.

    Args:
        folder: An nnU-Net v2 raw dataset.
        workers: Threads that read; `reading_workers` decides by default. The report is the same.

    Raises:
        InputError: There is no such folder.
    """
    folder = Path(folder)
    problems: list[Problem] = []
    dataset = survey(folder, problems, reading=reading)
    if dataset is None:
        return Report(folder, tuple(problems), (), None)
    warnings = list(dataset.warnings)
    cases = (*dataset.training, *dataset.test)
    threads = reading_workers(image_files(cases)) if workers is None else workers
    examined = ordered_map(lambda case: _examine(case, dataset), cases, workers=threads)
    facts: list[CaseFacts] = []
    orientations: dict[str, str] = {}
    for one in track(examined, "checking", total=len(cases)):
        problems += one.problems
        warnings += one.warnings
        if one.orientation is not None:
            orientations[one.case.name] = one.orientation
        if one.facts is not None:
            facts.append(one.facts)
    fingerprint = None
    if facts:
        try:
            fingerprint = combine(dataset, facts)
        except InputError as error:
            problems.append(Problem.of(error, folder))
    if fingerprint is not None:
        warnings += on_dataset(dataset, facts, orientations, fingerprint)
    return Report(folder, tuple(problems), tuple(warnings), fingerprint)


def _examine(case: Case, dataset: Dataset) -> _Examined:
    """Look at one case; whatever fails is its problem, and the others are looked at."""
    problems: list[Problem] = []
    file = case.image_files[0]
    try:
        with decoding(file):
            return _examined(case, dataset, problems)
    except InputError as error:
        problems.append(Problem.of(error, file, case=case.name))
        return _Examined(case, problems, [])


def _examined(case: Case, dataset: Dataset, problems: list[Problem]) -> _Examined:
    loaded = read_case(
        case,
        problems,
        channels=len(dataset.channel_names),
        labels=dataset.labels,
        reading=dataset.reading,
    )
    if loaded is None:
        return _Examined(case, problems, [])
    warnings = on_files(loaded)
    orientation = orientation_of(loaded.image.grid)
    if loaded.label is None:
        channels = [channel.ravel(order="K") for channel in loaded.image.array]
        lowest, highest = (np.array([f(c) for c in channels]) for f in (np.min, np.max))
        warnings += on_flatness(lowest, highest, case)
        problems += outside_rgb(dataset.channel_names, lowest, highest, case)
        return _Examined(case, problems, warnings, orientation)
    facts = case_facts(loaded, dataset.labels)
    warnings += on_flatness(facts.minima, facts.maxima, case)
    problems += outside_rgb(dataset.channel_names, facts.minima, facts.maxima, case)
    return _Examined(case, problems, [*warnings, *on_label(facts, case)], orientation, facts)
