"""Training cases that ``dataset.json`` names itself: nnU-Net's key ``dataset``, and v1's lists.

    "dataset": {"CASE": {"images": ["raw/a.nii.gz", ...], "label": "masks/a.nii.gz"}, ...}

As in nnU-Net the key alone decides then which training cases there are. Paths are relative to the
dataset's folder, or absolute; ``$NAME`` stands for a variable of the environment.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.data.folders import visible_files
from segscope.data.formats import format_of, image_ending, image_endings, is_plane
from segscope.data.label_names import Fault
from segscope.data.names import shown
from segscope.data.problems import Problem, shorten
from segscope.data.regular import why_no_file
from segscope.images import Case

_EXAMPLE = (
    '"dataset": {"case1": {"images": ["imagesTr/a_0000.nii.gz"], "label": "labelsTr/a.nii.gz"}}'
)
_LONGEST_NAME = 200  # bytes; files named after the case have endings yet


@dataclass(frozen=True)
class Listed:
    """The files of one case, as they are written."""

    images: tuple[str, ...]
    label: str


def parse_dataset(facts: Mapping[str, Any]) -> tuple[dict[str, Listed] | None, Fault | None]:
    """Read the key ``dataset``; None where there is none.

    Example:
        >>> parse_dataset({"dataset": {"a": {"images": ["x.nii"], "label": "y.nii"}}})[0]
        {'a': Listed(images=('x.nii',), label='y.nii')}
    """
    if "dataset" not in facts:
        return None, None
    listed = facts["dataset"]
    remedy = f"write {_EXAMPLE}, or leave the key out"
    if not isinstance(listed, dict) or not listed:
        return None, (f"dataset is {shown(listed)}, expected are cases and their files", remedy)
    for name, files in listed.items():
        if not _is_name(name):
            return None, (
                f"dataset has the case {shown(name)}, after which no file can be named",
                "name it without /, not beginning with a dot, in at most 200 bytes",
            )
        if not _is_listed(files):
            return None, (f"dataset gives case {shown(name)} the files {shown(files)}", remedy)
    return {
        name: Listed(tuple(files["images"]), files["label"]) for name, files in listed.items()
    }, None


def _is_name(name: str) -> bool:
    return (
        name == Path(name).name
        and name not in ("", ".", "..")
        and not name.startswith(".")
        and "\0" not in name
        and len(name.encode()) <= _LONGEST_NAME
    )


def _is_listed(files: Any) -> bool:
    return (
        isinstance(files, dict)
        and isinstance(files.get("label"), str)
        and isinstance(files.get("images"), list)
        and bool(files["images"])
        and all(isinstance(file, str) and file for file in (*files["images"], files["label"]))
    )


def parse_version_1(facts: Mapping[str, Any]) -> dict[str, tuple[str, ...]] | None:
    """Names of the cases in v1's lists ``training`` and ``test``; None where there is none.

    Example:
        >>> parse_version_1({"training": [{"image": "./imagesTr/a.nii.gz", "label": "b"}]})
        {'training': ('a',)}
    """
    found = {}
    for key in ("training", "test"):
        entries = facts.get(key)
        if not isinstance(entries, list):
            continue
        files = [e.get("image") if isinstance(e, dict) else e for e in entries]
        names = [_stem(Path(file)) for file in files if isinstance(file, str)]
        if names and len(names) == len(files):
            found[key] = tuple(names)
    return found or None


def _stem(file: Path) -> str:
    return file.name[: len(file.name) - len(image_ending(file) or "")]


def listed_cases(
    folder: Path,
    listed: Mapping[str, Listed],
    channels: int,
    problems: list[Problem],
    warnings: list[Problem],
) -> dict[str, Case]:
    """Find the files of the listed cases; those with a fault are left out."""
    cases = {}
    for name, files in sorted(listed.items()):
        images = tuple(_place(folder, file) for file in files.images)
        label = _place(folder, files.label)
        faults = [
            *_file_faults(name, (*images, label)),
            *_channel_faults(folder, name, images, channels),
            *_label_faults(name, label, images),
        ]
        problems += faults
        if not faults:
            cases[name] = Case(name, images, label)
    warnings += _remarks(folder, listed, cases)
    return cases


def not_listed(folder: Path, listed: Mapping[str, Listed]) -> list[Problem]:
    """Files of the usual folders that the key ``dataset`` leaves out."""
    known = {
        os.path.abspath(_place(folder, file))
        for files in listed.values()
        for file in (*files.images, files.label)
    }
    found = []
    for part in ("imagesTr", "labelsTr"):
        files = visible_files(folder / part, [])
        rest = [f.name for f in files if image_ending(f) and os.path.abspath(f) not in known]
        if rest:
            said = f"files that dataset.json does not list under dataset: {shorten(rest)}"
            found.append(Problem(str(folder / part), said, "list them, if they are meant to train"))
    return found


def _place(folder: Path, written: str) -> Path:
    return Path(os.path.normpath(folder / os.path.expandvars(written)))


def _file_faults(name: str, files: tuple[Path, ...]) -> list[Problem]:
    found = []
    for file in files:
        fault = why_no_file(file)
        if fault is not None:
            remedy = 'write its path with "/"' if "\\" in file.name else fault[1]
            found.append(
                Problem(
                    str(file), f"{fault[0]}; dataset.json lists it for case {name}", remedy, name
                )
            )
        elif image_ending(file) is None:
            said = f"is no kind of image that segscope reads; dataset.json lists it for case {name}"
            found.append(
                Problem(str(file), said, f"convert it ({', '.join(image_endings())})", name)
            )
    return found


def _channel_faults(
    folder: Path, name: str, images: tuple[Path, ...], channels: int
) -> list[Problem]:
    rgb = channels == 3 and len(images) == 1
    plane = is_plane(image_ending(images[0]))
    found = []
    if len(images) != channels and not (rgb and plane):
        fault = f"dataset lists {len(images)} images for case {name}, {channels} channels expected"
        remedy = "list one file per channel, in the order of channel_names"
        found.append(Problem(str(folder / "dataset.json"), fault, remedy, name))
    if len(set(images)) < len(images):
        fault = f"dataset lists an image twice for case {name}"
        found.append(Problem(str(folder / "dataset.json"), fault, "list each channel once", name))
    return found


def _label_faults(name: str, label: Path, images: tuple[Path, ...]) -> list[Problem]:
    ending = image_ending(label)
    if ending is not None and format_of(ending).write is None:
        return [
            Problem(
                str(label),
                "is a label map in a format that changes labels, as its compression is not exact",
                "convert the original labels to .png",
                name,
            )
        ]
    if label in images:
        return [Problem(str(label), f"is image and label of case {name}", "mend the list", name)]
    return []


def _remarks(
    folder: Path, listed: Mapping[str, Listed], cases: Mapping[str, Case]
) -> list[Problem]:
    json = str(folder / "dataset.json")
    users: dict[Path, list[str]] = defaultdict(list)
    for name, case in cases.items():
        for file in {*case.image_files, case.label_file}:
            if file is not None:
                users[file].append(name)
    found = [
        Problem(
            str(file),
            f"belongs to several cases: {shorten(names)}",
            "give them one subject in cases.csv, else folds may leak",
        )
        for file, names in users.items()
        if len(names) > 1
    ]
    home = Path(os.path.abspath(folder))
    away = [str(f) for f in users if not Path(os.path.abspath(f)).is_relative_to(home)]
    if away:
        fault = f"dataset lists files outside of the folder: {shorten(away)}"
        found.append(Problem(json, fault, "they do not move with it"))
    same = [name for name, n in Counter(n.casefold() for n in listed).items() if n > 1]
    if same:
        said = f"cases differ in capitals only: {shorten(same)}"
        found.append(Problem(json, said, "some systems take them for one"))
    return found
