"""Datasets in nnU-Net v2 raw layout: which files make which case. No voxel is read here.

    dataset.json  imagesTr/CASE_0000.nii.gz  labelsTr/CASE.nii.gz  imagesTs/  cases.csv

One RGB file may stand for three channels. All that is wrong with the layout is reported at once.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segscope.data.description import Description, read_description, read_subjects
from segscope.data.formats import PLANE_ENDINGS, image_ending
from segscope.data.problems import Problem, refuse
from segscope.data.readers import AS_STORED, Reading
from segscope.errors import InputError
from segscope.images import Case

CHANNEL_SUFFIX = re.compile(r"^(?P<name>.+)_(?P<channel>\d{4})$", re.DOTALL)
_MOST_NAMES = 5


@dataclass(frozen=True)
class Dataset:
    """A dataset's files and what ``dataset.json`` says of them.

    Args:
        folder: Where it is.
        name: As ``dataset.json`` or the folder names it.
        channel_names: In the order of the channel numbers; ``CT`` switches CT windowing on.
        labels: Name to value, ``background`` is 0, values are 0..K-1.
        file_ending: Of images and labels.
        training: Cases of ``imagesTr``, each with its label.
        test: Cases of ``imagesTs``.
        warnings: What is odd but does no harm.
        reading: What may be changed when files are read; ``label_mapping`` of ``dataset.json``.
    """

    folder: Path
    name: str
    channel_names: tuple[str, ...]
    labels: dict[str, int]
    file_ending: str
    training: tuple[Case, ...]
    test: tuple[Case, ...] = ()
    warnings: tuple[Problem, ...] = ()
    reading: Reading = AS_STORED


def open_dataset(folder: Path, *, reading: Reading = AS_STORED) -> Dataset:
    """Read the layout of a dataset.

    Args:
        folder: With ``dataset.json``, ``imagesTr`` and ``labelsTr``; ``imagesTs`` and
            ``cases.csv`` are optional.
        reading: What may be changed when its files are read, beside its own ``label_mapping``.

    Raises:
        InputError: With every fault of ``dataset.json`` and of the files' names.
    """
    problems: list[Problem] = []
    dataset = survey(folder, problems, reading=reading)
    refuse(str(folder), problems)
    if dataset is None:  # survey says why, and `refuse` has raised it
        raise InputError(f"{folder}: is not a dataset")
    return dataset


def survey(
    folder: Path, problems: list[Problem], *, reading: Reading = AS_STORED
) -> Dataset | None:
    """Read a layout as far as it can be understood; faults are appended to ``problems``.

    The result holds the cases that are whole; it is None where ``dataset.json`` is not usable.

    Raises:
        InputError: There is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name an nnU-Net v2 raw dataset")
    description = read_description(folder, problems)
    if description is None:
        return None
    warnings: list[Problem] = []
    subjects = read_subjects(folder, problems, warnings)
    ending, channels = description.file_ending, len(description.channel_names)
    images = _of_ending(folder / "imagesTr", ending, problems, warnings)
    labels = {
        file.name[: -len(ending)]: file
        for file in _of_ending(folder / "labelsTr", ending, problems, warnings)
    }
    tests = _of_ending(folder / "imagesTs", ending, problems, warnings)
    named = _numbered(images, ending, problems)
    training = complete(named, ending, channels, problems)
    test = complete(_numbered(tests, ending, problems), ending, channels, problems)
    _pair(folder, named, labels, ending, problems)
    if not named:
        problems.append(
            Problem(
                str(folder / "imagesTr"),
                f"holds no image with the ending {ending}",
                f"name them CASE_0000{ending}, or mend file_ending in dataset.json",
            )
        )
    _odd(folder, description, subjects, set(named), set(test), warnings)
    known = subjects or {}
    return Dataset(
        folder=folder,
        name=description.name or folder.resolve().name,
        channel_names=description.channel_names,
        labels=description.labels,
        file_ending=ending,
        training=tuple(
            Case(name, files, labels[name], known.get(name) or None)
            for name, files in training.items()
            if name in labels
        ),
        test=tuple(Case(n, files, None, known.get(n) or None) for n, files in test.items()),
        warnings=tuple(warnings),
        reading=replace(reading, label_mapping=description.label_mapping),
    )


def visible_files(
    folder: Path, problems: list[Problem], warnings: list[Problem] | None = None
) -> list[Path]:
    """List a folder's files by name, without hidden ones (``._x``, ``.DS_Store``)."""
    if not folder.is_dir():
        return []
    entries = sorted(folder.iterdir())
    hidden = [f.name for f in entries if f.name.startswith(".") and not f.is_dir()]
    if hidden and warnings is not None:
        warnings.append(Problem(str(folder), f"hidden files ignored: {shorten(hidden)}"))
    shown = [f for f in entries if not f.name.startswith(".")]
    problems += [
        Problem(str(file), "is a link to a file that is not there", "mend or remove the link")
        for file in shown
        if file.is_symlink() and not file.exists()
    ]
    problems += [
        Problem(
            str(file), "is a folder, where a file of this name is expected", "put the file here"
        )
        for file in shown
        if file.is_dir() and image_ending(file)
    ]
    return [file for file in shown if file.is_file()]


def complete(
    groups: Mapping[str, Mapping[int, Path]], ending: str, channels: int, problems: list[Problem]
) -> dict[str, tuple[Path, ...]]:
    """Keep the cases that have all channels; the others are problems with expected and found.

    One plane file (PNG and the like) may stand for three channels: RGB.
    """
    cases = {}
    expected = list(range(channels))
    for name, found in sorted(groups.items()):
        rgb = channels == 3 and sorted(found) == [0] and ending.lower() in PLANE_ENDINGS
        if sorted(found) == expected or rgb:
            cases[name] = tuple(found[k] for k in sorted(found))
            continue
        first = found[min(found)]
        problems.append(
            Problem(
                str(first.with_name(name)),
                f"expected {shorten([f'{name}_{k:04d}{ending}' for k in expected])}, "
                f"found {shorten([found[k].name for k in sorted(found)])}",
                "add the missing channels; remove those that dataset.json or the model lacks",
                name,
            )
        )
    return cases


def shorten(names: Sequence[str]) -> str:
    """Join names, the first five of many.

    Example:
        >>> shorten(list("abcdefg"))
        'a, b, c, d, e and 2 more'
    """
    said = ", ".join(names[:_MOST_NAMES])
    return f"{said} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else said


def _numbered(
    files: Sequence[Path], ending: str, problems: list[Problem]
) -> dict[str, dict[int, Path]]:
    """Group files by case and channel number; one without a number is a problem."""
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in files:
        stem = file.name[: -len(ending)]
        match = CHANNEL_SUFFIX.match(stem)
        if match is None:
            problems.append(
                Problem(str(file), "has no channel number", f"name it {stem}_0000{ending}", stem)
            )
        else:
            groups[match["name"]][int(match["channel"])] = file
    return groups


def _of_ending(
    folder: Path, ending: str, problems: list[Problem], warnings: list[Problem]
) -> list[Path]:
    """Files of the dataset's ending; images with another one are problems."""
    files = visible_files(folder, problems, warnings)
    chosen = [f for f in files if image_ending(f) == ending]
    stems = {f.name[: -len(ending)] for f in chosen}
    other = []
    for file in files:
        found = image_ending(file)
        if found is None:
            other.append(file.name)
        elif found != ending:
            stem = file.name[: -len(found)]
            twice = f"is there twice, also as {stem}{ending}"
            fault = twice if stem in stems else f"has the ending {found}"
            problems.append(
                Problem(
                    str(file),
                    f"{fault}; dataset.json says file_ending {ending}",
                    "keep one of them" if stem in stems else "convert or remove it",
                    stem,
                )
            )
    if other:
        warnings.append(Problem(str(folder), f"files that are no images ignored: {shorten(other)}"))
    return chosen


def _pair(
    folder: Path,
    images: Mapping[str, object],
    labels: Mapping[str, Path],
    ending: str,
    problems: list[Problem],
) -> None:
    problems += [
        Problem(str(labels[name]), "has no image in imagesTr", "add it, or remove the label", name)
        for name in sorted(set(labels) - set(images))
    ]
    problems += [
        Problem(
            str(folder / "imagesTr" / name),
            f"has no label labelsTr/{name}{ending}",
            "add it, or move the images to imagesTs",
            name,
        )
        for name in sorted(set(images) - set(labels))
    ]


def _odd(
    folder: Path,
    description: Description,
    subjects: Mapping[str, str] | None,
    training: set[str],
    test: set[str],
    warnings: list[Problem],
) -> None:
    announced = description.announced
    if announced is not None and announced != len(training):
        fault = f"numTraining says {announced}, imagesTr has {len(training)} cases"
        warnings.append(Problem(str(folder / "dataset.json"), fault))
    if both := sorted(training & test):
        fault = f"in imagesTr and in imagesTs: {shorten(both)}"
        warnings.append(Problem(str(folder), fault, "rename, or remove one of the two"))
    if subjects is None:
        return
    table = str(folder / "cases.csv")
    if strangers := sorted(set(subjects) - training - test):
        warnings.append(Problem(table, f"rows for unknown cases: {shorten(strangers)}"))
    alone = sorted(name for name in training if not subjects.get(name))
    if alone:
        fault = f"no subject given, each counts as its own: {shorten(alone)}"
        warnings.append(Problem(table, fault, "add them, else folds may leak"))
