"""Datasets in nnU-Net v2 raw layout: which files make which case. No voxel is read here.

    dataset.json  imagesTr/CASE_0000.nii.gz  labelsTr/CASE.nii.gz  imagesTs/  cases.csv

One RGB file may stand for three channels. Where ``dataset.json`` has nnU-Net's key ``dataset``, it
alone says which training cases there are. Beside images that are JPEG, labels have an exact format
of their own. All that is wrong with the layout is reported at once.
"""

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segscope.data.cases_table import read_table
from segscope.data.description import Description, read_description
from segscope.data.folders import files_of_ending, label_files
from segscope.data.formats import is_plane
from segscope.data.listing import listed_cases, not_listed
from segscope.data.problems import Problem, shorten
from segscope.data.readers import AS_STORED, ReadOptions
from segscope.data.subjects import subjects_of
from segscope.images import Case

CHANNEL_SUFFIX = re.compile(r"^(?P<name>.+)_(?P<channel>[0-9]{4})$", re.DOTALL)
_OTHER_NUMBER = re.compile(r"^(?P<name>.+)_(?P<channel>0[0-9]{0,2}|0[0-9]{4})$", re.DOTALL)


@dataclass(frozen=True)
class Dataset:
    """A dataset's files and what ``dataset.json`` says of them.

    Args:
        folder: Where it is.
        name: As ``dataset.json`` or the folder names it.
        channel_names: In the order of the channel numbers; a name decides how its channel is
            normalised, see `images.channels`.
        labels: Name to value, ``background`` is 0, values are 0..K-1.
        file_ending: Of images.
        label_file_ending: Of labels.
        training: Cases of ``imagesTr`` (or of the key ``dataset``), each with its label.
        test: Cases of ``imagesTs``.
        warnings: What is odd but does no harm.
        reading: What may be changed when files are read; ``label_mapping`` of ``dataset.json``.
        layout: Whose, by name.
    """

    folder: Path
    name: str
    channel_names: tuple[str, ...]
    labels: dict[str, int]
    file_ending: str
    label_file_ending: str
    training: tuple[Case, ...]
    test: tuple[Case, ...] = ()
    warnings: tuple[Problem, ...] = ()
    reading: ReadOptions = AS_STORED
    layout: str = "nnunet"

    @property
    def truth(self) -> dict[str, Path]:
        """Label map of each training case, by name."""
        return {c.name: c.label_file for c in self.training if c.label_file is not None}


def read_nnunet(folder: Path, problems: list[Problem]) -> Dataset | None:
    """Read nnU-Net's layout as far as it can be understood; faults go to ``problems``.

    The result holds the cases that are whole; it is None where ``dataset.json`` is not usable.
    """
    warnings: list[Problem] = []
    description = read_description(folder, problems, warnings)
    if description is None:
        return None
    table = read_table(folder, problems, warnings)
    ending, channels = description.file_ending, len(description.channel_names)
    if description.listed is None:
        training, named, label_ending = _of_folders(folder, description, problems, warnings)
    else:
        training = listed_cases(folder, description.listed, channels, problems, warnings)
        named = set(description.listed)
        label_ending = description.label_file_ending or ".png"
        warnings += not_listed(folder, description.listed)
    said = f"dataset.json says file_ending {ending}"
    tests = files_of_ending(folder / "imagesTs", ending, said, problems, warnings)
    test = complete(_numbered(tests, ending, problems), ending, channels, problems)
    warnings += _odd(folder, description, named, set(test))
    subjects = None
    if table is not None:
        subjects = subjects_of(table, named | set(test), problems, warnings)
    if subjects is not None:
        warnings += _without_subject(folder, named, subjects)
    known = subjects or {}
    return Dataset(
        folder=folder,
        name=description.name or folder.resolve().name,
        channel_names=description.channel_names,
        labels=description.labels,
        file_ending=ending,
        label_file_ending=label_ending,
        training=tuple(
            replace(case, subject=known.get(name) or None) for name, case in training.items()
        ),
        test=tuple(Case(n, files, None, known.get(n) or None) for n, files in test.items()),
        warnings=tuple(warnings),
        reading=ReadOptions(label_mapping=description.label_mapping),
    )


def _of_folders(
    folder: Path, description: Description, problems: list[Problem], warnings: list[Problem]
) -> tuple[dict[str, Case], set[str], str]:
    """Cases of ``imagesTr`` and ``labelsTr`` that are whole, all names, the labels' ending."""
    ending, channels = description.file_ending, len(description.channel_names)
    place = folder / "imagesTr"
    said = f"dataset.json says file_ending {ending}"
    images = files_of_ending(place, ending, said, problems, warnings)
    labels, label_ending = label_files(
        folder / "labelsTr", ending, description.label_file_ending, problems, warnings
    )
    named = _numbered(images, ending, problems)
    training = complete(named, ending, channels, problems)
    _pair(folder, named, labels, label_ending, problems)
    if not named and (place.is_dir() or not os.path.lexists(place)):
        fault = f"holds no image with the ending {ending}" if place.is_dir() else "is missing"
        remedy = f"name images CASE_0000{ending}, or mend file_ending in dataset.json"
        problems.append(Problem(str(place), fault, remedy))
    whole = {n: Case(n, files, labels[n]) for n, files in training.items() if n in labels}
    return whole, set(named), label_ending


def complete(
    groups: Mapping[str, Mapping[int, Path]], ending: str, channels: int, problems: list[Problem]
) -> dict[str, tuple[Path, ...]]:
    """Keep the cases that have all channels; the others are problems with expected and found.

    One plane file (PNG and the like) may stand for three channels: RGB.
    """
    cases = {}
    expected = list(range(channels))
    for name, found in sorted(groups.items()):
        rgb = channels == 3 and sorted(found) == [0] and is_plane(ending)
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


def _numbered(
    files: Sequence[Path], ending: str, problems: list[Problem]
) -> dict[str, dict[int, Path]]:
    """Group files by case and channel number; one without a number is a problem."""
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in files:
        stem = file.name[: -len(ending)]
        match = CHANNEL_SUFFIX.match(stem)
        if match is None:
            remedy = f"name it {stem or 'CASE'}_0000{ending}"
            if short := _OTHER_NUMBER.match(stem):
                as_channel = f"{short['name']}_{int(short['channel']):04d}{ending}"
                remedy += f", or {as_channel} if {short['channel']} is its channel"
            problems.append(Problem(str(file), "has no channel number", remedy, stem))
        else:
            groups[match["name"]][int(match["channel"])] = file
    return groups


def _pair(
    folder: Path,
    images: Mapping[str, object],
    labels: Mapping[str, Path],
    ending: str,
    problems: list[Problem],
) -> None:
    for name in sorted(set(labels) - set(images)):
        remedy = "add it, or remove the label"
        if (match := CHANNEL_SUFFIX.match(name)) and match["name"] in images:
            remedy = f"labels have no channel number: name it {match['name']}{ending}"
        problems.append(Problem(str(labels[name]), "has no image in imagesTr", remedy, name))
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
    folder: Path, description: Description, training: set[str], test: set[str]
) -> list[Problem]:
    file = str(folder / "dataset.json")
    found = []
    announced = description.announced
    if announced is not None and announced != len(training):
        place = "imagesTr has" if description.listed is None else "dataset lists"
        fault = f"numTraining says {announced}, {place} {len(training)} cases"
        found.append(Problem(file, fault))
    if both := sorted(training & test):
        fault = f"in imagesTr and in imagesTs: {shorten(both)}"
        found.append(Problem(str(folder), fault, "rename, or remove one of the two"))
    for key, there in (("training", training), ("test", test)):
        listed = (description.version_1 or {}).get(key, tuple(there))
        # version 1 leaves channel numbers out; some lists have them
        names = {n if n in there else CHANNEL_SUFFIX.sub(r"\g<name>", n) for n in listed}
        if absent := sorted(names - there):
            fault = f"{key} lists cases that are not there: {shorten(absent)}"
            found.append(Problem(file, fault, "add them, or mend the list"))
        if more := sorted(there - names):
            fault = f"{key} does not list cases that are there and are used: {shorten(more)}"
            found.append(Problem(file, fault, "move them away if they are not meant"))
    return found


def _without_subject(
    folder: Path, training: set[str], subjects: Mapping[str, str]
) -> list[Problem]:
    alone = sorted(name for name in training if not subjects.get(name))
    if not alone:
        return []
    fault = f"no subject given, each counts as its own: {shorten(alone)}"
    return [Problem(str(folder / "cases.csv"), fault, "add them, else folds may leak")]
