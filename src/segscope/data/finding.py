"""Cases to predict, wherever they are: one file, a folder, a dataset, DICOM series."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segscope.data.decoders.dicom_files import entries, is_series, survey_slices
from segscope.data.description import read_description
from segscope.data.folders import visible_files
from segscope.data.formats import image_ending, image_endings, is_plane, unknown_kind
from segscope.data.layout import CHANNEL_SUFFIX, complete
from segscope.data.layouts import layout_of, open_dataset
from segscope.data.listing import listed_cases
from segscope.data.problems import Problem, refuse, shorten
from segscope.errors import InputError
from segscope.images import Case
from segscope.paths import read_json


def find_cases(path: Path, *, channels: int) -> tuple[Case, ...]:
    """Find what to predict: a file, a folder of files, a dataset, a DICOM series, or several.

    Files of one case end in ``_0000``, ``_0001`` and so on. Where a case is one file (one channel,
    or RGB) the number may be left out; in a folder without any ``_0000`` other numbers are part of
    the names (``slice_0017.png``).

    Args:
        path: A dataset gives its ``imagesTs``, or where there is none what its key ``dataset``
            lists, or ``imagesTr``. A folder is a
            DICOM series, holds one folder per series, or image files.
        channels: How many channels the model takes.

    Returns:
        Sorted by name, without labels.

    Raises:
        InputError: Nothing found, or a channel missing; expected and found are listed.
    """
    path = Path(path)
    try:
        return _find(path, channels)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be read ({said}); check the path") from None


def _find(path: Path, channels: int) -> tuple[Case, ...]:
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path}: is a link to what is not there; mend the link")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    if path.is_file():
        return (_single_file(path, channels),)
    if not path.is_dir():
        raise InputError(f"{path}: is no regular file (a pipe, socket or device); name a file")
    layout = layout_of(path)
    if layout is not None:
        return (_of_nnunet if layout == "nnunet" else _of_dataset)(path, channels)
    if is_series(path):
        return (Case(path.resolve().name, (path,)),)
    problems: list[Problem] = []
    folders = _series_in(path, problems)
    images = [f for f in visible_files(path, problems) if image_ending(f)]
    if folders and images:
        raise InputError(
            f"{path}: holds DICOM series ({folders[0].name}) and image files ({images[0].name}); "
            "name a folder with one kind"
        )
    images = _without_predictions(path, images)
    if folders:
        refuse(str(path), problems)
        return tuple(Case(folder.name, (folder,)) for folder in folders)
    return _of_files(path, images, channels, problems)


def _series_in(path: Path, problems: list[Problem]) -> list[Path]:
    """Folders that are a series each; what is wrong with any of them is told at once."""
    found: list[Path] = []
    doubtful: list[Problem] = []
    for folder in entries(path):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            if is_series(folder):
                found.append(folder)
                survey_slices(folder, problems)
            elif fault := _fault_of_no_series(folder):
                doubtful.append(Problem(str(folder), *fault))
        except (InputError, OSError) as error:
            said = InputError(f"{folder}: {error}") if isinstance(error, OSError) else error
            doubtful.append(Problem.of(said, folder))
    if found:  # beside series, a folder without one may have lost its own
        problems += doubtful
    return found


def _fault_of_no_series(folder: Path) -> tuple[str, str] | None:
    inside = [entry for entry in entries(folder) if not entry.name.startswith(".")]
    if not inside:
        return "is empty, beside DICOM series", "copy the series again, or remove the folder"
    deeper = [entry.name for entry in inside if entry.is_dir() and is_series(entry)]
    if deeper:
        return (
            f"holds its DICOM series deeper ({shorten(deeper)})",
            "bring every series to the same level, or name this folder",
        )
    return None


def _without_predictions(folder: Path, images: list[Path]) -> list[Path]:
    """Leave out label maps that were predicted into the folder of their own images.

    ``a.nii.gz`` is one beside ``a_0000.nii.gz`` where the folder's manifest says so; without a
    numbered image beside it, a file is what a person names it.
    """
    try:
        cases = read_json(folder / "manifest.json")["cases"]
        made = {output: case for case, entry in cases.items() for output in entry["outputs"]}
    except (InputError, KeyError, TypeError, AttributeError):
        return images  # no manifest of predictions
    numbered = {match["name"] for f in images if (match := CHANNEL_SUFFIX.match(_stem(f)))}
    return [file for file in images if made.get(file.name) not in numbered]


def _stem(file: Path) -> str:
    return file.name[: -len(image_ending(file) or "")]


def _of_dataset(folder: Path, channels: int) -> tuple[Case, ...]:
    """Test cases of a dataset of any layout, or where there are none its training cases."""
    dataset = open_dataset(folder)
    _check_channels(folder, dataset.channel_names, channels)
    cases = dataset.test or dataset.training
    if not cases:
        raise InputError(f"{folder}: has no case; add images")
    return tuple(replace(case, label_file=None) for case in cases)


def _check_channels(folder: Path, names: Sequence[str], channels: int) -> None:
    if len(names) != channels:
        raise InputError(
            f"{folder}: has the channels {', '.join(names)}, {channels} expected by the model; "
            "name a dataset with the model's channels"
        )


def _of_nnunet(folder: Path, channels: int) -> tuple[Case, ...]:
    problems: list[Problem] = []
    description = read_description(folder, problems)
    refuse(str(folder), problems)
    if description is not None:
        _check_channels(folder, description.channel_names, channels)
    listed = description.listed if description is not None else None
    for name in ("imagesTs",) if listed else ("imagesTs", "imagesTr"):
        images = [f for f in visible_files(folder / name, problems) if image_ending(f)]
        if images:
            return _of_files(folder / name, images, channels, problems)
    if listed:
        cases = listed_cases(folder, listed, channels, problems, [])
        refuse(str(folder), problems)
        return tuple(replace(case, label_file=None) for case in cases.values())
    raise InputError(f"{folder}: has no image in imagesTs or imagesTr; add images")


def _of_files(
    folder: Path, images: Sequence[Path], channels: int, problems: list[Problem]
) -> tuple[Case, ...]:
    by_ending: dict[str, list[Path]] = defaultdict(list)
    for file in images:
        by_ending[image_ending(file) or ""].append(file)
    found: dict[str, tuple[Path, ...]] = {}
    for ending, files in sorted(by_ending.items()):
        groups = _groups(files, ending, channels, problems)
        for name, chosen in complete(groups, ending, channels, problems).items():
            if name in found:
                both = f"{found[name][0].name} and {chosen[0].name}"
                problems.append(
                    Problem(str(folder), f"case {name} is there twice, {both}", "keep one", name)
                )
            found[name] = chosen
    refuse(str(folder), problems)
    if not found:
        raise InputError(
            f"{folder}: holds no image ({', '.join(image_endings())}) and no DICOM series; name "
            "another folder"
        )
    return tuple(Case(name, files) for name, files in sorted(found.items()))


def _groups(
    files: Sequence[Path], ending: str, channels: int, problems: list[Problem]
) -> dict[str, dict[int, Path]]:
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    stems = {file: file.name[: -len(ending)] for file in files}
    one_file = channels == 1 or (channels == 3 and is_plane(ending))
    numbered = not one_file or any(stem.endswith("_0000") for stem in stems.values())
    for file, stem in stems.items():
        match = CHANNEL_SUFFIX.match(stem) if numbered else None
        name, channel = (match["name"], int(match["channel"])) if match else (stem, 0)
        if channel in groups[name]:
            fault = f"is case {name} as {groups[name][channel].name} is"
            problems.append(Problem(str(file), fault, "keep one", name))
        groups[name][channel] = file
    return groups


def _single_file(path: Path, channels: int) -> Case:
    ending = image_ending(path)
    if ending is None:
        raise InputError(unknown_kind(path))
    stem = path.name[: -len(ending)]
    match = CHANNEL_SUFFIX.match(stem)
    # a number other than 0000 is part of the name, as in a folder of such files
    alone = Case(stem.removesuffix("_0000") or stem, (path,))
    if match is None or channels == 1:
        return alone
    siblings = [path.with_name(f"{match['name']}_{k:04d}{ending}") for k in range(channels)]
    present = [file for file in siblings if file.exists()]
    rgb = channels == 3 and is_plane(ending)
    if rgb and (present == [path] or siblings[0] not in present):
        return alone  # as its reader will confirm
    if len(present) != channels:
        raise InputError(
            f"{path}: the model takes {channels} channels, expected "
            f"{shorten([f.name for f in siblings])}, found {shorten([f.name for f in present])}; "
            "put the missing files beside it"
        )
    return Case(match["name"], tuple(siblings))
