"""Which files a dataset's folders show: hidden ones left out, what is no file said."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from segscope.data.formats import format_of, image_ending, is_plane
from segscope.data.problems import Problem, shorten
from segscope.data.regular import why_no_file


def visible_files(
    folder: Path, problems: list[Problem], warnings: list[Problem] | None = None
) -> list[Path]:
    """List a folder's files by name, without hidden ones (``._x``, ``.DS_Store``).

    Args:
        folder: May be missing.
        problems: Filled with what stands in a file's place: folders, pipes, links to nowhere; and
            with the folder itself where it is none, or may not be read.
        warnings: Filled with what is left out.
    """
    entries = _entries(folder, problems)
    hidden = [f.name for f in entries if f.name.startswith(".") and not f.is_dir()]
    shown = [f for f in entries if not f.name.startswith(".")]
    faults = {file: why_no_file(file) for file in shown}
    folders = []
    for file, fault in faults.items():
        if fault is None:
            continue
        if fault[0] == "is a folder":
            if not image_ending(file):
                folders.append(file.name)
                continue
            fault = "is a folder, where a file of this name is expected", "put the file here"
        if image_ending(file) or file.is_symlink():
            problems.append(Problem(str(file), *fault))
    if warnings is not None:
        warnings += [
            Problem(str(folder), f"{what} ignored: {shorten(names)}")
            for what, names in (("hidden files", hidden), ("folders", folders))
            if names
        ]
    return [file for file, fault in faults.items() if fault is None]


def _entries(folder: Path, problems: list[Problem]) -> list[Path]:
    fault = why_no_file(folder)
    if fault is not None and fault[0] == "is missing":
        return []
    if fault is None or fault[0] != "is a folder":
        said = "is a file" if fault is None else fault[0]
        problems.append(Problem(str(folder), f"{said}, a folder is expected", "put a folder here"))
        return []
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        said = f"cannot be listed ({error.strerror})"
        problems.append(Problem(str(folder), said, "check its permissions"))
        return []


def files_of_ending(
    folder: Path, ending: str, said: str, problems: list[Problem], warnings: list[Problem]
) -> list[Path]:
    """Files of an ending, as ``said`` in words; images of another one are problems."""
    files = visible_files(folder, problems, warnings)
    chosen = [f for f in files if image_ending(f) == ending]
    stems = {f.name[: -len(ending)] for f in chosen}
    other = []
    for file in files:
        found = image_ending(file)
        if found is None:
            other.append(file.name)
        elif found != ending:
            problems.append(_of_other_ending(file, found, ending, said, stems))
    if other:
        warnings.append(Problem(str(folder), f"files that are no images ignored: {shorten(other)}"))
    warnings += _same_but_capitals(folder, chosen)
    return chosen


def _of_other_ending(
    file: Path, found: str, ending: str, said: str, stems: Collection[str]
) -> Problem:
    stem = file.name[: -len(found)]
    if stem in stems:
        fault = f"is there twice, also as {stem}{ending}; {said}"
        return Problem(str(file), fault, "keep one of them", stem)
    remedy = "convert or remove it"
    if found.lower() == ending.lower():
        remedy = f"rename it to {stem}{ending}"
    return Problem(str(file), f"has the ending {found}; {said}", remedy, stem)


def _same_but_capitals(folder: Path, files: Sequence[Path]) -> list[Problem]:
    folded: dict[str, list[str]] = defaultdict(list)
    for file in files:
        folded[file.name.casefold()].append(file.name)
    same = [name for names in folded.values() if len(names) > 1 for name in names]
    if not same:
        return []
    said = f"names differ in capitals only: {shorten(same)}"
    return [Problem(str(folder), said, "some systems take them for one: rename them")]


def label_files(
    folder: Path, images: str, ending: str | None, problems: list[Problem], warnings: list[Problem]
) -> tuple[dict[str, Path], str]:
    """Find label maps by case, and the ending they have.

    Args:
        folder: ``labelsTr``.
        images: Ending of the images.
        ending: Of labels, as ``dataset.json`` says; None where images are JPEG, beside which
            labels have one exact ending of their own.
        problems: Filled with labels of another ending.
        warnings: Filled with what is odd.
    """
    said = f"dataset.json says file_ending {images}"
    if ending is None:
        found = [image_ending(file) for file in visible_files(folder, [])]
        exact = Counter(e for e in found if e and keeps_labels(e) and is_plane(e))
        ending = min(exact, key=lambda e: (-exact[e], e), default=".png")
        said = f"beside images {images} all labels have one exact ending, here {ending}"
    elif ending != images:
        said = f"dataset.json says label_file_ending {ending}"
    faults: list[Problem] = []
    files = files_of_ending(folder, ending, said, faults, warnings)
    problems += [_of_label(fault, images == ending) for fault in faults]
    return {file.name[: -len(ending)]: file for file in files}, ending


def _of_label(fault: Problem, as_images: bool) -> Problem:
    """Say what is wrong with a label of another ending in a label's own terms."""
    found = image_ending(Path(fault.file))
    if not fault.fault.startswith("has the ending") or found is None:
        return fault
    if not keeps_labels(found):
        said = f"is a label map in {found}, whose compression changes labels"
        return replace(fault, fault=said, remedy="save the original label map as .png")
    if as_images and fault.remedy.startswith("convert"):
        key = f'"label_file_ending": "{found}"'
        return replace(fault, remedy=f"convert it, or write {key} where all labels are such")
    return fault


def keeps_labels(ending: str) -> bool:
    """Whether files of this ending are written and read back without any change.

    Example:
        >>> keeps_labels(".png"), keeps_labels(".jpg")
        (True, False)
    """
    return format_of(ending).write is not None
