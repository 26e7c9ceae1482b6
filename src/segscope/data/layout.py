"""Datasets in nnU-Net v2 raw layout, and cases found anywhere else.

    dataset.json  imagesTr/CASE_0000.nii.gz  labelsTr/CASE.nii.gz  imagesTs/  cases.csv

One RGB file may stand for three channels. All that is wrong with the layout is reported at once.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.dicom import is_series
from segscope.data.png import PLANE_ENDINGS
from segscope.data.readers import image_ending, read_image, read_label
from segscope.errors import InputError
from segscope.images import Case, Grid, Image, LabelMap

_CHANNEL = re.compile(r"^(?P<name>.+)_(?P<channel>\d{4})$", re.DOTALL)


@dataclass(frozen=True)
class Dataset:
    """A dataset's files and what ``dataset.json`` says of them; no voxel was read.

    Args:
        folder: Where it is.
        name: As ``dataset.json`` or the folder names it.
        channel_names: In the order of the channel numbers; ``CT`` switches CT windowing on.
        labels: Name to value, ``background`` is 0, values are 0..K-1.
        file_ending: Of images and labels.
        training: Cases of ``imagesTr``, with labels where ``labelsTr`` has them.
        test: Cases of ``imagesTs``.
        warnings: What is odd but does no harm.
    """

    folder: Path
    name: str
    channel_names: tuple[str, ...]
    labels: dict[str, int]
    file_ending: str
    training: tuple[Case, ...]
    test: tuple[Case, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedCase:
    """A case with its voxels, all channels and the label on one grid."""

    case: Case
    image: Image
    label: LabelMap | None


def open_dataset(folder: Path) -> Dataset:
    """Read the layout of a dataset.

    Raises:
        InputError: With every fault of ``dataset.json`` and of the files' names.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name an nnU-Net v2 raw dataset")
    facts = _read_facts(folder / "dataset.json")
    problems: list[str] = []
    channels = _channels(facts, problems)
    labels = _labels(facts, problems)
    ending = _ending(facts, problems)
    if problems:
        raise InputError(f"{folder / 'dataset.json'} is not usable:", problems)
    subjects, warnings = _subjects(folder / "cases.csv")
    training = _gather(folder / "imagesTr", ending, len(channels), problems)
    test = _gather(folder / "imagesTs", ending, len(channels), problems)
    label_files = {
        file.name[: -len(ending)]: file for file in _visible(folder / "labelsTr", ending, problems)
    }
    problems += [
        f"labelsTr/{name}{ending}: has no image in imagesTr; add it or remove the label"
        for name in sorted(set(label_files) - set(training))
    ]
    problems += [
        f"imagesTr/{name}: has no label labelsTr/{name}{ending}; move unlabelled cases to imagesTs"
        for name in sorted(set(training) - set(label_files))
    ]
    if not training:
        problems.append(f"imagesTr: no case with the ending {ending} (as file_ending says)")
    if problems:
        raise InputError(f"{folder}: {len(problems)} problems in the layout:", problems)
    strangers = sorted(set(subjects) - set(training) - set(test))
    if strangers:
        warnings.append(f"cases.csv: {len(strangers)} rows for unknown cases ({strangers[0]})")
    announced = facts.get("numTraining")
    if announced is not None and announced != len(training):
        warnings.append(f"dataset.json: numTraining {announced}, found {len(training)}")
    return Dataset(
        folder=folder,
        name=str(facts.get("name") or folder.resolve().name),
        channel_names=channels,
        labels=labels,
        file_ending=ending,
        training=tuple(
            Case(name, files, label_files[name], subjects.get(name))
            for name, files in sorted(training.items())
        ),
        test=tuple(
            Case(name, files, None, subjects.get(name)) for name, files in sorted(test.items())
        ),
        warnings=tuple(warnings),
    )


def load_case(
    case: Case,
    *,
    channels: int,
    labels: Mapping[str, int] | None = None,
    resample_labels: bool = False,
    replace_nonfinite: float | None = None,
) -> LoadedCase:
    """Read a case's channels and label, and check that they lie on one grid.

    Args:
        case: Files to read.
        channels: How many channels are expected in all.
        labels: Declared labels, see `read_label`.
        resample_labels: Bring a label of another grid onto the image's, by nearest neighbour.
        replace_nonfinite: See `read_image`.

    Raises:
        InputError: A file is refused, channels are missing, or grids differ by more than a tenth
            of a voxel (both files and the distance in mm are named).
    """
    images = [read_image(f, replace_nonfinite=replace_nonfinite) for f in case.image_files]
    first = images[0]
    for file, image in zip(case.image_files[1:], images[1:], strict=True):
        _check_same_grid(case.image_files[0], first.grid, file, image.grid)
    found = sum(len(image.array) for image in images)
    if found != channels:
        files = ", ".join(str(file) for file in case.image_files)
        raise InputError(
            f"case {case.name}: {channels} channels expected, {found} found in {files}"
        )
    array = first.array if len(images) == 1 else np.concatenate([i.array for i in images])
    notes = tuple(note for image in images for note in image.notes)
    image = Image(array, first.grid, notes)
    if case.label_file is None:
        return LoadedCase(case, image, None)
    label = read_label(case.label_file, labels=labels)
    if not _same(image.grid, label.grid):
        if not resample_labels:
            _check_same_grid(case.image_files[0], image.grid, case.label_file, label.grid)
        label = _onto(image.grid, label)
    return LoadedCase(case, image, label)


def find_cases(path: Path, *, channels: int) -> tuple[Case, ...]:
    """Find what to predict: a file, a folder of files, a dataset, a DICOM series, or several.

    Args:
        path: A dataset gives its ``imagesTs``, or ``imagesTr`` where there is none.
        channels: How many channels the model takes; files of one case end in ``_0000`` and so on,
            which may be left out where there is one channel.

    Raises:
        InputError: Nothing found, or a channel missing; expected and found are listed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return (_single_file(path, channels),)
    if (path / "dataset.json").is_file():
        dataset = open_dataset(path)
        return dataset.test or dataset.training
    if is_series(path):
        return (Case(path.resolve().name, (path,)),)
    series = [f for f in sorted(path.iterdir()) if f.is_dir() and is_series(f)]
    if series:
        return tuple(Case(folder.name, (folder,)) for folder in series)
    return _loose_files(path, channels)


def _loose_files(folder: Path, channels: int) -> tuple[Case, ...]:
    problems: list[str] = []
    endings = {
        ending
        for file in folder.iterdir()
        if file.is_file() and not _hidden(file) and (ending := image_ending(file))
    }
    found: dict[str, tuple[Path, ...]] = {}
    for ending in sorted(endings):
        for name, files in _gather(folder, ending, channels, problems, loose=True).items():
            if name in found:
                problems.append(f"{name}: is there twice, {found[name][0].name}, {files[0].name}")
            found[name] = files
    if problems:
        raise InputError(f"{folder}: {len(problems)} problems:", problems)
    if not found:
        raise InputError(f"{folder}: holds no image that segscope reads and no DICOM series")
    return tuple(Case(name, files) for name, files in sorted(found.items()))


def _single_file(path: Path, channels: int) -> Case:
    ending = image_ending(path)
    if ending is None:
        raise InputError(f"{path}: unknown kind of file")
    stem = path.name[: -len(ending)]
    match = _CHANNEL.match(stem)
    if match is None or channels == 1:
        return Case(match["name"] if match else stem, (path,))
    siblings = [path.with_name(f"{match['name']}_{k:04d}{ending}") for k in range(channels)]
    present = [file for file in siblings if file.exists()]
    if present == [path] and ending.lower() in PLANE_ENDINGS:
        return Case(match["name"], (path,))  # RGB, as its reader will confirm
    if len(present) != channels:
        raise InputError(
            f"{path}: the model takes {channels} channels, expected "
            f"{', '.join(f.name for f in siblings)}, found {', '.join(f.name for f in present)}"
        )
    return Case(match["name"], tuple(siblings))


def _gather(
    folder: Path, ending: str, channels: int, problems: list[str], *, loose: bool = False
) -> dict[str, tuple[Path, ...]]:
    """Group the files of a folder into cases."""
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in _visible(folder, ending, problems):
        stem = file.name[: -len(ending)]
        match = _CHANNEL.match(stem)
        if match is None and not loose:
            problems.append(
                f"{folder.name}/{file.name}: expected a channel number, e.g. {stem}_0000{ending}"
            )
            continue
        name, channel = (match["name"], int(match["channel"])) if match else (stem, 0)
        groups[name][channel] = file
    cases = {}
    for name, found in sorted(groups.items()):
        single = ending.lower() in PLANE_ENDINGS and sorted(found) == [0]
        if not single and sorted(found) != list(range(channels)):
            problems.append(
                f"{folder.name}/{name}: channels {list(range(channels))} expected, "
                f"{sorted(found)} found"
            )
        cases[name] = tuple(found[k] for k in sorted(found))
    return cases


def _visible(folder: Path, ending: str, problems: list[str]) -> list[Path]:
    """Files of one ending; the same name with another image ending is a problem."""
    if not folder.is_dir():
        return []
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and not _hidden(f)]
    chosen = [f for f in files if image_ending(f) == ending]
    stems = {f.name[: -len(ending)] for f in chosen}
    for file in files:
        other = image_ending(file)
        if other is None or other == ending:
            continue
        stem = file.name[: -len(other)]
        fault = "is there twice" if stem in stems else f"has not the ending {ending}"
        problems.append(f"{folder.name}/{file.name}: {fault} (dataset.json says {ending})")
    return chosen


def _hidden(file: Path) -> bool:
    return file.name.startswith(".")


def _read_facts(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise InputError(
            f"{file}: is missing; write channel_names, labels, numTraining and file_ending as "
            "nnU-Net v2 does"
        )
    try:
        facts = json.loads(file.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is not JSON ({error})") from None
    if not isinstance(facts, dict):
        raise InputError(f"{file}: expected an object with channel_names and labels")
    return facts


def _channels(facts: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    names = facts.get("channel_names", facts.get("modality"))
    if not isinstance(names, dict) or not names:
        problems.append('channel_names: expected e.g. {"0": "T1"}')
        return ()
    if sorted(names) != sorted(str(k) for k in range(len(names))):
        problems.append(f"channel_names: keys 0 to {len(names) - 1} expected, got {sorted(names)}")
        return ()
    return tuple(str(names[str(k)]) for k in range(len(names)))


def _labels(facts: Mapping[str, Any], problems: list[str]) -> dict[str, int]:
    labels = facts.get("labels")
    if not isinstance(labels, dict) or not labels:
        problems.append('labels: expected e.g. {"background": 0, "lesion": 1}')
        return {}
    if all(str(key).isdigit() for key in labels):  # nnU-Net v1: value to name
        labels = {str(name): int(value) for value, name in labels.items()}
    if any(isinstance(value, list) for value in labels.values()):
        problems.append("labels: regions (lists) are not supported; give each label one value")
        return {}
    try:
        numbers = {str(name): int(value) for name, value in labels.items()}
    except (TypeError, ValueError):
        problems.append(f"labels: whole numbers expected, got {labels}")
        return {}
    if sorted(numbers.values()) != list(range(len(numbers))) or len(numbers) < 2:
        problems.append(
            f"labels: values must be 0 (background), 1, 2, ... without gaps, got {numbers}"
        )
    return dict(sorted(numbers.items(), key=lambda item: item[1]))


def _ending(facts: Mapping[str, Any], problems: list[str]) -> str:
    ending = str(facts.get("file_ending", ".nii.gz"))
    if image_ending(Path(f"x{ending}")) != ending:
        problems.append(f"file_ending: {ending!r} is not a kind of file that segscope reads")
    return ending


def _subjects(file: Path) -> tuple[dict[str, str], list[str]]:
    if not file.is_file():
        return {}, []
    with file.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    columns = rows[0].keys() if rows else ()
    column = next((c for c in ("subject", "probable_subject") if c in columns), None)
    if column is None or "case" not in columns:
        return {}, ["cases.csv: no columns case and subject; each case is its own subject"]
    return {row["case"]: row[column] for row in rows if row[column]}, []


def _same(a: Grid, b: Grid) -> bool:
    return a.ndim == b.ndim and a.matches(b)


def _check_same_grid(file: Path, grid: Grid, other_file: Path, other: Grid) -> None:
    if _same(grid, other):
        return
    if grid.shape != other.shape:
        fault = f"shapes {grid.shape} and {other.shape} differ"
    else:
        fault = f"grids lie up to {grid.displacement_mm(other):.3g} mm apart"
    raise InputError(f"{file} and {other_file}: {fault}; resample one onto the other")


def _onto(grid: Grid, label: LabelMap) -> LabelMap:
    from scipy import ndimage

    if grid.ndim != label.grid.ndim:
        raise InputError("a plane label cannot be resampled onto a volume")
    n = grid.ndim
    back = np.linalg.inv(label.grid.affine) @ grid.affine
    array = ndimage.affine_transform(
        label.array, back[:n, :n], back[:n, n], grid.shape, order=0, mode="constant"
    )
    return LabelMap(array, grid, (*label.notes, "label resampled onto the image's grid"))
