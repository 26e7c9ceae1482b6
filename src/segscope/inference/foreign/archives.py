"""Looking into zip archives of programs before anything in them is used."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from segscope.errors import InputError

_UNPACKED = 8  # times the file's size: programs are written without compression
_SLACK = 1 << 20


@contextmanager
def opened_archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members have plain names and no more bytes than it can hold.

    Raises:
        InputError: Not a zip archive, damaged, or not written by a tool that saves networks.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            _check(file, packed)
            yield packed
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: is damaged ({error}); copy it again") from None


def members(file: Path) -> tuple[str, ...]:
    """Names of an archive's members, checked; nothing of what is no archive.

    Raises:
        InputError: As of `opened_archive`.
    """
    if not zipfile.is_zipfile(file):
        return ()
    with opened_archive(file) as packed:
        return tuple(packed.namelist())


def _check(file: Path, packed: zipfile.ZipFile) -> None:
    parts = packed.infolist()
    size, unpacked = file.stat().st_size, sum(part.file_size for part in parts)
    if unpacked > _UNPACKED * size + _SLACK:
        raise InputError(
            f"{file}: has {size} bytes and unpacks to {unpacked}; no tool that saves networks "
            "writes such files"
        )
    for part in parts:
        path = PurePosixPath(part.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in part.filename:
            raise InputError(f"{file}: its member {part.filename!r} would lie outside of it")
