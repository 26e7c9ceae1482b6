"""One way in for the paths that people name: what is there, and what the system says of it.

Only regular files are read. A pipe, a socket or a device would be waited for without end, and may
change when it is opened, so each is looked at first. Whatever the system answers is the path's
fault: an `InputError` that names it.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from segscope.errors import InputError, WorkError

_SAID = {
    errno.ENOENT: "no such file or folder; check the path",
    errno.ENOTDIR: "no such file, a part of its path is a file and no folder; check the path",
    errno.EACCES: "may not be read; check its permissions",
    errno.EPERM: "may not be read; check its permissions",
    errno.ELOOP: "is a link that leads back to itself; mend or remove the link",
    errno.ENAMETOOLONG: "its name is too long for this file system; shorten it",
    errno.EISDIR: "is a folder; name a file",
    errno.EEXIST: "is there and is no folder; name another one",
    errno.ENXIO: "is no file but a pipe or device; name a file",
    errno.ENODEV: "is no file but a pipe or device; name a file",
}
_OF_THE_PATH = (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.EEXIST)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Turn what the system says of a path into an `InputError` that names it.

    Example:
        >>> with naming("x/a.json"):
        ...     raise FileNotFoundError(2, "No such file or directory")
        Traceback (most recent call last):
        segscope.errors.InputError: x/a.json: no such file or folder; check the path
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {said_of(error)}") from error
    except ValueError as error:  # what no name may hold: NUL, or half of a character
        if not isinstance(error, UnicodeEncodeError) and "null" not in str(error):
            raise
        raise InputError(
            f"{str(path)!r}: holds a character that no name can have; check the path"
        ) from error


def said_of(error: OSError) -> str:
    """Say what a system's error means for the one who named the path, and what to do."""
    known = _SAID.get(error.errno or 0)
    return known or f"cannot be read ({error.strerror or error}); check the disk and the path"


def is_fault_of_path(error: OSError) -> bool:
    """Whether an error says that a path cannot be right, whatever the disk holds."""
    return error.errno in _OF_THE_PATH


def is_file(path: Path) -> bool:
    """Whether this is a regular file, or a link to one; no name makes this fail.

    Example:
        >>> is_file(Path("x" * 1000)), is_file(Path("/dev/null"))
        (False, False)
    """
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """Whether this is a folder, or a link to one; no name makes this fail."""
    return os.path.isdir(path)


def is_there(path: Path) -> bool:
    """Whether anything has this name, a link that leads nowhere too; no name makes this fail."""
    return os.path.lexists(path)


def real_path(path: Path) -> Path:
    """Follow links as far as they lead; loops stay where they are.

    Example:
        >>> real_path(Path("/a/../b")).as_posix()
        '/b'
    """
    with naming(path):
        return Path(os.path.realpath(path))


def check_lock(file: Path) -> None:
    """Refuse a lock that is a pipe or a device: opening it for writing would wait for ever.

    Raises:
        InputError: It is.
    """
    if is_there(file) and not is_file(file) and not is_folder(file):
        raise InputError(f"{file}: is no regular file; remove it")


def check_new_folder(folder: Path, *, option: str = "-o") -> None:
    """Refuse a name that cannot become a folder, or of one that holds something.

    Raises:
        InputError: As said; also of loops of links, names too long, and links that lead nowhere.
        WorkError: It may not be written to, nor what it would lie in.

    Example:
        >>> check_new_folder(Path("not/there/yet"))
    """
    folder = Path(folder)
    with naming(f"{option} {folder}"):
        there = next(p for p in (folder, *folder.absolute().parents) if os.path.isdir(p))
        if not os.access(there, os.W_OK | os.X_OK):
            raise WorkError(
                f"{option} {folder}: {there} may not be written to; check its permissions, or name "
                "another"
            )
        try:
            os.stat(folder)
        except FileNotFoundError:
            if not os.path.lexists(folder):
                return
            raise InputError(
                f"{option} {folder}: is a link that leads nowhere; name another"
            ) from None
        if not os.path.isdir(folder) or os.listdir(folder):
            raise InputError(f"{option} {folder}: exists and is not an empty folder; name another")


def kind_of(path: Path) -> str | None:
    """Name what is there if it is no regular file; None of a file.

    Raises:
        InputError: Nothing is there, or the system does not say.
    """
    with naming(path):
        mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _KINDS if test(mode)), "something that is no file")


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading, at once or not at all.

    What the system says until it is closed is taken for an error of this file.

    Raises:
        InputError: It is not there, or no regular file, or cannot be read.
    """
    path = Path(path)
    if (kind := kind_of(path)) is not None:
        raise InputError(f"{path}: is {kind}; name a file")
    with naming(path):
        # the pipe that could take the file's place in this moment would not be waited for either
        handle = os.open(path, _FLAGS)
        with os.fdopen(handle, "rb") as file:
            yield file


def read_bytes(path: Path, *, most: int | None = None) -> bytes:
    """Read a regular file whole.

    Args:
        path: The file.
        most: Refuse a larger one before it is read.

    Raises:
        InputError: As of `opened`, or it is too large, or changes while it is read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise InputError(f"{path}: {size} bytes are too large; at most {most} are read")
        data = file.read()
    if len(data) != size:
        raise InputError(
            f"{path}: was {size} bytes and became {len(data)} while it was read; "
            "try again when it is written"
        )
    return data


def read_text(path: Path, *, encoding: str = "utf-8-sig") -> str:
    """Read a regular file of text.

    Raises:
        InputError: As of `opened`, or it is not text in UTF-8.
    """
    try:
        return read_bytes(path).decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text ({error}); save it as UTF-8") from None


def read_json(path: Path) -> Any:
    """Read a regular file of JSON.

    Raises:
        InputError: As of `read_text`, or it is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of many digits too
        raise InputError(f"{path}: is not JSON ({error}); write it anew") from None


def list_folder(folder: Path) -> list[Path]:
    """List what is in a folder, by name.

    Raises:
        InputError: It is no folder, or cannot be listed.
    """
    folder = Path(folder)
    with naming(folder):
        return sorted(folder / name for name in os.listdir(folder))


def check_folder_name(folder: Path) -> None:
    """Refuse a path that no folder can have, before there is anything to put into it.

    Raises:
        InputError: A part of it is a file, its name is too long, or it is a link to nowhere.
        WorkError: Nobody may write there.
    """
    folder = Path(folder)
    try:
        os.stat(folder)
    except FileNotFoundError:
        if os.path.lexists(folder):
            raise InputError(f"{folder}: is a link to what is not there; mend the link") from None
    except OSError as error:
        if is_fault_of_path(error):
            raise InputError(f"{folder}: {said_of(error)}") from error
    there = next(p for p in (folder, *folder.absolute().parents) if os.path.isdir(p))
    if not os.access(there, os.W_OK | os.X_OK):
        raise WorkError(f"{folder}: could not be made or filled; {there} may not be written to")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; it may be there already.

    Raises:
        InputError: The path cannot be a folder: a file is there, or its name is too long.
        OSError: The disk refuses (full, read-only).
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if not is_fault_of_path(error):
            raise
        raise InputError(f"{folder}: {said_of(error)}") from error
