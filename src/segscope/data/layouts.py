"""Layouts of datasets by name: how each is recognised and read, behind one door.

A new layout is a file of this room and a line here; one of an installed package is a `Layout`
under its name, ``bids = "my_package.bids:BIDS"``. A folder with a ``dataset.json`` is nnU-Net's,
whatever else it holds; only without one the other layouts are asked, each in turn.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segscope.data.formats import FORMAT, image_ending, image_endings, is_plane
from segscope.data.layout import Dataset, read_nnunet
from segscope.data.problems import Problem, refuse
from segscope.data.readers import AS_STORED, ReadOptions
from segscope.errors import InputError
from segscope.images import Case
from segscope.paths import naming
from segscope.plugins import Kind, other_than, plain


@dataclass(frozen=True)
class Layout:
    """How a kind of dataset folder is recognised and read.

    Args:
        recognises: Whether a folder is one; called with every folder that may be a dataset, so it
            looks at names alone.
        read: Called with the folder and a list; returns what `Dataset` says of files, of which no
            voxel is read, and appends a `Problem` for each fault; None where nothing can be
            understood. Labels have the values 0 to K-1, ``background`` is 0; a training case has
            one file per channel and its label map.
    """

    recognises: Callable[[Path], bool]
    read: Callable[[Path, list[Problem]], Dataset | None]


def _is_nnunet(folder: Path) -> bool:
    return (folder / "dataset.json").is_file()


LAYOUTS: dict[str, Layout] = {"nnunet": Layout(_is_nnunet, read_nnunet)}


def no_layout(found: Any) -> str:
    """What keeps an object from being a `Layout`, or nothing.

    Example:
        >>> no_layout("bids")
        'is a str, where a segscope.data.Layout is expected'
    """
    fault = other_than(found, Layout)
    if not fault and not (callable(found.recognises) and callable(found.read)):
        fault = "has a recognises or read that is no function"
    return fault


LAYOUT: Kind[Layout] = Kind("dataset layout", "segscope.layouts", LAYOUTS, no_layout)


def layout_of(folder: Path) -> str | None:
    """Name the layout of a folder, or None where none recognises it.

    Raises:
        InputError: Two packages' layouts recognise it; one fails.

    Example:
        >>> layout_of(Path("nowhere")) is None
        True
    """
    folder = Path(folder)
    for name, layout in LAYOUTS.items():
        if layout.recognises(folder):
            return name
    if not folder.is_dir():
        return None
    found = []
    for name in LAYOUT.names()[len(LAYOUTS) :]:
        layout = LAYOUT.get(name)
        with LAYOUT.running(name):
            if layout.recognises(folder):
                found.append(name)
    if len(found) > 1:
        packages = " and ".join(f"{n} of {known.package}" for n in found
                                if (known := LAYOUT.declared(n)) is not None)  # fmt: skip
        raise InputError(f"{folder}: is taken for two layouts, {packages}; uninstall one of them")
    return found[0] if found else None


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset of any known layout.

    Example:
        >>> is_dataset(Path("nowhere"))
        False
    """
    return layout_of(folder) is not None


def open_dataset(folder: Path, *, reading: ReadOptions = AS_STORED) -> Dataset:
    """Read the layout of a dataset.

    Args:
        folder: Of any known layout; nnU-Net's has ``dataset.json``, ``imagesTr`` and ``labelsTr``,
            where ``imagesTs`` and ``cases.csv`` are optional.
        reading: What may be changed when its files are read, beside its own ``label_mapping``.

    Raises:
        InputError: With every fault of the layout and of the files' names.
    """
    problems: list[Problem] = []
    dataset = survey(folder, problems, reading=reading)
    refuse(str(folder), problems)
    if dataset is None:  # survey says why, and `refuse` has raised it
        raise InputError(f"{folder}: is not a dataset")
    return dataset


def survey(
    folder: Path, problems: list[Problem], *, reading: ReadOptions = AS_STORED
) -> Dataset | None:
    """Read a layout as far as it can be understood; faults are appended to ``problems``.

    The result holds the cases that are whole; it is None where nothing can be understood.

    Raises:
        InputError: There is no such folder; a package's layout fails or gives no usable dataset.
    """
    folder = Path(folder)
    with naming(folder):
        there = folder.is_dir()
    if not there:
        raise InputError(f"{folder}: no such folder; name an nnU-Net v2 raw dataset")
    name = layout_of(folder) or "nnunet"  # whose reader says that dataset.json is missing
    with LAYOUT.running(name):
        dataset = LAYOUT.get(name).read(folder, problems)
    if name not in LAYOUTS:
        _check(name, dataset, problems)
    if dataset is None:
        return None
    own = dataset.reading.label_mapping
    return replace(dataset, layout=name, reading=replace(reading, label_mapping=own))


def packages_of(dataset: Dataset) -> dict[str, str]:
    """Which installed packages a dataset's layout and files are read by; mostly none."""
    endings = dict.fromkeys((dataset.file_ending.lower(), dataset.label_file_ending.lower()))
    asked: list[tuple[Kind[Any], str]] = [(LAYOUT, dataset.layout)]
    asked += [(FORMAT, ending) for ending in endings]
    known = {f"{kind.what} {name}": kind.declared(name) for kind, name in asked}
    return {key: found.package for key, found in known.items() if found is not None}


def _check(name: str, dataset: Any, problems: list[Problem]) -> None:
    """Refuse what a package's layout gives where it is no usable dataset."""
    if dataset is None and problems:
        return
    if not isinstance(dataset, Dataset):
        raise LAYOUT.fault(
            name, f"reads {plain(dataset)}, a segscope.data.Dataset is expected, or problems"
        )
    for fault in (*_faults(dataset), *(f for c in _all(dataset) for f in _case_faults(c, dataset))):
        raise LAYOUT.fault(name, f"gives {fault}")


def _all(dataset: Dataset) -> tuple[Case, ...]:
    return (*dataset.training, *dataset.test)


def _faults(dataset: Dataset) -> Iterator[str]:
    values = sorted(dataset.labels.values())
    if values != list(range(len(values))) or dataset.labels.get("background") != 0:
        yield f"the labels {dataset.labels}; background must be 0, and the others 1 and on"
    for ending in (dataset.file_ending, dataset.label_file_ending):
        if image_ending(Path(f"x{ending}")) != ending:
            yield f"the ending {ending!r}, expected one of {', '.join(image_endings())}"
    for name, count in Counter(case.name for case in _all(dataset)).items():
        if count > 1:
            yield f"the case {name} twice"
    for case in dataset.training:
        if case.label_file is None:
            yield f"the training case {case.name} no label map"


def _case_faults(case: Case, dataset: Dataset) -> Iterator[str]:
    channels, count = len(dataset.channel_names), len(case.image_files)
    rgb = channels == 3 and count == 1 and is_plane(dataset.file_ending)
    if count != channels and not rgb:
        yield f"the case {case.name} {count} image files, {channels} channels expected"
    files = (*case.image_files, *([case.label_file] if case.label_file else []))
    for file in files:
        if not file.exists():
            yield f"the case {case.name} the file {file}, which is not there"
