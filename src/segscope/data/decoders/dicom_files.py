"""Which files of a folder are slices; none is dropped without a word.

Hidden files are ignored in reading and hashing alike. What may be a slice and cannot be read (a
link to a file that was not fetched, no permission, a packed or damaged file) is an error.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from segscope.data.problems import Problem, refuse
from segscope.errors import InputError

_ENDINGS = frozenset({".dcm", ".ima", ".dicom"})
_PACKED = frozenset({".gz", ".bz2", ".xz", ".zip", ".zst"})
_UNFINISHED = frozenset({".part", ".partial", ".crdownload", ".download", ".tmp", ".bak", ".old"})
_DIRECTORY = b"1.2.840.10008.1.3.10"
_HEAD = 1024


@dataclass(frozen=True)
class Listing:
    """What lies in a folder of slices.

    Args:
        slices: DICOM files.
        others: Files of other kinds, DICOMDIR among them.
        folders: Beside the slices.
        hidden: Files whose names begin with a dot.
    """

    slices: tuple[Path, ...]
    others: tuple[Path, ...]
    folders: tuple[Path, ...]
    hidden: tuple[Path, ...]

    def notes(self) -> tuple[str, ...]:
        """Say what is left out."""
        said = []
        for found, what in (
            (self.others, "other files"),
            (self.folders, "folders"),
            (self.hidden, "hidden files"),
        ):
            if found:
                said.append(f"{len(found)} {what} beside its slices left out ({found[0].name})")
        return tuple(said)


def is_series(folder: Path) -> bool:
    """Whether a folder holds a DICOM file directly, or one that should be by its name.

    Raises:
        InputError: The folder may not be read.
    """
    if _nature(folder) != "folder":
        return False
    return any(
        _is_slice_by_name(entry) or _is_slice(entry)
        for entry in entries(folder)
        if not entry.name.startswith(".") and _nature(entry) != "folder"
    )


def list_slices(folder: Path) -> Listing:
    """Sort a folder's entries.

    Raises:
        InputError: No slice, or with every entry that may be one and cannot be read.
    """
    problems: list[Problem] = []
    found = survey_slices(folder, problems)
    refuse(str(folder), problems)
    if not found.slices:
        raise InputError(f"{folder}: holds no DICOM file; name the folder of one series")
    return found


def survey_slices(folder: Path, problems: list[Problem]) -> Listing:
    """Sort a folder's entries as far as they can be read; faults are appended to ``problems``."""
    slices: list[Path] = []
    others: list[tuple[Path, bytes]] = []
    folders: list[Path] = []
    hidden: list[Path] = []
    for entry in entries(folder):
        nature = _nature(entry)
        if entry.name.startswith("."):
            hidden += [entry] if nature != "folder" else []
        elif nature == "folder":
            folders.append(entry)
        elif nature == "file" and (head := _head(entry)) is not None:
            if head[128:132] == b"DICM" and not _is_directory(entry, head):
                slices.append(entry)
            else:
                others.append((entry, head))
        elif nature == "special" and not _is_slice_by_name(entry):
            others.append((entry, b""))
        else:
            problems.append(Problem(str(entry), *_UNREAD.get(nature, _FORBIDDEN)))
    kinds = {_kind(file) for file in slices}
    for file, head in others:
        fault = _fault(file, head, kinds)
        if fault:
            problems.append(Problem(str(file), *fault))
    return Listing(tuple(slices), tuple(file for file, _ in others), tuple(folders), tuple(hidden))


_FORBIDDEN = ("cannot be read", "check its permissions")
_UNREAD = {
    "nowhere": ("is a link to a file that is not there", "fetch the file, or remove the link"),
    "special": ("is no regular file (a pipe, socket or device)", "remove it"),
}
_DAMAGED = "copy the series again, or move the file elsewhere"


def _fault(file: Path, head: bytes, kinds: set[str]) -> tuple[str, str] | None:
    """Why a file that is not DICOM may be a slice all the same; None where it is not."""
    if _is_directory(file, head):
        return None
    bare = _begins_as_data_set(head)
    if bare:
        return (
            "begins as a DICOM data set, without the preamble of a DICOM file",
            "write it anew as a whole file (dcmconv, or pydicom's dcmread(force=True) and save_as)",
        )
    if file.suffix.lower() in _PACKED and _is_slice_by_name(file):
        return "is a packed slice", "unpack it"
    if _is_slice_by_name(file) or _kind(file) in kinds:
        empty = " (0 bytes)" if not head else ""
        return (
            f"lies among slices and is no DICOM file{empty}, perhaps a damaged slice",
            _DAMAGED,
        )
    return None


def entries(folder: Path) -> list[Path]:
    """List a folder by name.

    Raises:
        InputError: It may not be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}); check it") from None


def _nature(path: Path) -> str:
    """``folder``, ``file``, ``special``, ``nowhere`` (a link without an end) or ``forbidden``."""
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        return "forbidden"
    except OSError:
        return "nowhere"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "special"


def _head(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return None


def _is_slice(entry: Path) -> bool:
    if _nature(entry) != "file":
        return False
    head = _head(entry) or b""
    return head[128:132] == b"DICM" and not _is_directory(entry, head)


def _is_directory(file: Path, head: bytes) -> bool:
    """Whether a file is a DICOMDIR: a medium's table of contents."""
    return head[128:132] == b"DICM" and (
        file.name.upper() == "DICOMDIR" or _DIRECTORY in head[132:400]
    )


def _is_slice_by_name(file: Path) -> bool:
    """Whether its ending is a slice's: ``1.dcm``; also packed or copied in part."""
    *_, last_but_one, last = ["", "", *(ending.lower().rstrip("~") for ending in file.suffixes)]
    return last in _ENDINGS or (last in _PACKED | _UNFINISHED and last_but_one in _ENDINGS)


def _kind(file: Path) -> str:
    """Its ending; none where it is a number, as in names that are UIDs."""
    ending = file.suffix.lower()
    return "" if ending[1:].isdigit() else ending


def _begins_as_data_set(head: bytes) -> bool:
    """Whether bytes begin with an element of the groups 2 or 8, as a file without preamble does."""
    group, element = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    if len(head) < 16 or group not in (2, 8) or element > 0x0018:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or int.from_bytes(head[4:8], "little") < 0x1000
