"""What a dataset says of itself: ``dataset.json`` (nnU-Net v2, and v1's wording) and ``cases.csv``.

Nothing here raises for a wrong entry: faults are collected, so that a person sees all of them.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.data.formats import image_ending
from segscope.data.problems import Problem

_HIGHEST = 65535
_EXAMPLE = (
    '{"channel_names": {"0": "T1"}, "labels": {"background": 0, "lesion": 1}, '
    '"numTraining": 20, "file_ending": ".nii.gz"}'
)


@dataclass(frozen=True)
class Description:
    """The usable content of ``dataset.json``.

    Args:
        name: Of the dataset, where it is given.
        channel_names: In the order of the channel numbers.
        labels: Name to value, sorted by value, 0..K-1.
        file_ending: Of images and labels, with its dot.
        announced: ``numTraining``, where it is a number.
        label_mapping: Stored value to label, where files hold values that are not labels.
    """

    name: str | None
    channel_names: tuple[str, ...]
    labels: dict[str, int]
    file_ending: str
    announced: int | None
    label_mapping: dict[int, int]


def read_description(folder: Path, problems: list[Problem]) -> Description | None:
    """Read ``dataset.json``; faults are appended to ``problems``, and then there is no result."""
    file = folder / "dataset.json"
    facts, fault = _read_json(file)
    if fault is not None:
        problems.append(fault)
        return None
    found: list[Problem] = []
    description = Description(
        name=facts["name"] if isinstance(facts.get("name"), str) else None,
        channel_names=_channels(file, facts, found),
        labels=_labels(file, facts, found),
        file_ending=_ending(file, facts, found),
        announced=facts["numTraining"] if isinstance(facts.get("numTraining"), int) else None,
        label_mapping=_mapping(file, facts, found),
    )
    problems += found
    return None if found else description


def read_subjects(
    folder: Path, problems: list[Problem], warnings: list[Problem]
) -> dict[str, str] | None:
    """Read who was examined from ``cases.csv``; None where it does not say.

    The column ``subject`` counts, else ``probable_subject``. A case with no entry there is its own
    subject.
    """
    file = folder / "cases.csv"
    if not file.is_file():
        return None
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = csv.DictReader(opened, strict=True)
            columns = list(rows.fieldnames or ())
            lines = [dict(row) for row in rows]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        problems.append(
            Problem(str(file), f"cannot be read as CSV ({error})", "save it as UTF-8 CSV")
        )
        return None
    column = next((c for c in ("subject", "probable_subject") if c in columns), None)
    if column is None or "case" not in columns:
        warnings.append(
            Problem(
                str(file),
                "has no columns case and subject, so each case counts as its own subject",
                "add them where one person has several cases, else folds may leak",
            )
        )
        return None
    subjects: dict[str, str] = {}
    for line in lines:
        case, subject = line["case"], line[column]
        if case in subjects and subjects[case] != (subject or ""):
            problems.append(
                Problem(
                    str(file),
                    f"gives case {case} two subjects, {subjects[case]!r} and {subject!r}",
                    "keep one row",
                )
            )
        if case:
            subjects[case] = subject or ""
    return subjects


def _read_json(file: Path) -> tuple[dict[str, Any], Problem | None]:
    if not file.is_file():
        return {}, Problem(str(file), "is missing", f"write it as nnU-Net v2 does, e.g. {_EXAMPLE}")
    try:
        facts = json.loads(file.read_text("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        return {}, Problem(str(file), f"is not JSON ({error})", "mend it, or write it anew")
    except OSError as error:
        return {}, Problem(str(file), f"cannot be read ({error.strerror})", "check its permissions")
    if not isinstance(facts, dict):
        return {}, Problem(
            str(file),
            f"holds a {type(facts).__name__} where an object is expected",
            f"write e.g. {_EXAMPLE}",
        )
    return facts, None


def _channels(file: Path, facts: Mapping[str, Any], problems: list[Problem]) -> tuple[str, ...]:
    names = facts.get("channel_names", facts.get("modality"))  # v1 called them modality
    if not isinstance(names, dict) or not names:
        said = "is missing" if names is None else f"is {names!r}"
        problems.append(
            Problem(str(file), f"channel_names {said}", 'write e.g. {"0": "T1", "1": "FLAIR"}')
        )
        return ()
    expected = [str(k) for k in range(len(names))]
    if sorted(names, key=str) != sorted(expected):
        problems.append(
            Problem(
                str(file),
                f"channel_names has the keys {sorted(names)}, expected {expected}",
                "number the channels from 0 without gaps",
            )
        )
        return ()
    return tuple(str(names[key]) for key in expected)


def _labels(file: Path, facts: Mapping[str, Any], problems: list[Problem]) -> dict[str, int]:
    labels = facts.get("labels")
    if not isinstance(labels, dict) or not labels:
        said = "is missing" if labels is None else f"is {labels!r}"
        problems.append(
            Problem(str(file), f"labels {said}", 'write e.g. {"background": 0, "lesion": 1}')
        )
        return {}
    if all(key.isdecimal() and isinstance(name, str) for key, name in labels.items()):
        labels = {name: int(value) for value, name in labels.items()}  # v1: value to name
    fault = _label_fault(labels)
    if fault is not None:
        problems.append(Problem(str(file), *fault))
        return {}
    return {str(n): int(v) for n, v in sorted(labels.items(), key=lambda item: int(item[1]))}


def _mapping(file: Path, facts: Mapping[str, Any], problems: list[Problem]) -> dict[int, int]:
    mapping = facts.get("label_mapping", {})
    if isinstance(mapping, dict) and all(
        key.isdecimal() and int(key) <= _HIGHEST and type(value) is int and 0 <= value <= _HIGHEST
        for key, value in mapping.items()
    ):
        return {int(key): value for key, value in mapping.items()}
    problems.append(
        Problem(
            str(file),
            f"label_mapping is {mapping!r}",
            'write stored value to label, e.g. {"255": 1}',
        )
    )
    return {}


def _label_fault(labels: Mapping[str, Any]) -> tuple[str, str] | None:
    regions = [name for name, value in labels.items() if isinstance(value, list)]
    if regions:
        return (
            f"labels {regions} are regions (lists of values), which segscope does not train: a "
            "voxel has one label",
            "give each label one value",
        )
    wrong = {
        name: value
        for name, value in labels.items()
        if isinstance(value, bool) or not (isinstance(value, int) or str(value).isdecimal())
    }
    if wrong:
        return f"labels {wrong} are not whole numbers", "give each label one whole number"
    if "ignore" in labels:
        return (
            "labels has nnU-Net's 'ignore' label, which segscope would train as a class",
            "remove these voxels' cases, or relabel them",
        )
    values = sorted(int(value) for value in labels.values())
    if values != list(range(len(values))) or len(values) < 2:
        return (
            f"labels has the values {values}; expected are 0 (background), 1, 2, ... without gaps, "
            "two at least",
            "renumber the label maps and dataset.json",
        )
    return None


def _ending(file: Path, facts: Mapping[str, Any], problems: list[Problem]) -> str:
    ending = facts.get("file_ending", ".nii.gz")  # v1 had no other
    if not isinstance(ending, str) or image_ending(Path(f"x{ending}")) != ending:
        problems.append(
            Problem(
                str(file),
                f"file_ending {ending!r} is not a kind of file that segscope reads",
                'write e.g. ".nii.gz" or ".png"',
            )
        )
    return str(ending)
