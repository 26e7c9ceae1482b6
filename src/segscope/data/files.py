"""Bytes in, verified; bytes out, whole or not at all.

Reading: a gzip file is decompressed to its end, so that its CRC and length are checked (readers of
image libraries stop early and pass damaged voxels on), within limits against bombs. Writing: to a
temporary file beside the target, flushed, synced, renamed.
"""

import gzip
import hashlib
import json
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isal import igzip_lib, isal_zlib

from segscope.errors import InputError, WorkError
from segscope.paths import is_fault_of_path, kind_of, opened, read_bytes, said_of

TEMPORARY = ".segscope-"
"""What names of files begin with that are not whole yet."""

_DAMAGED: Any = (igzip_lib.IsalError, zlib.error)  # isal ships stubs that are off


_STAND_INS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file; run git lfs pull"),
    (b"/annex/objects/", "a pointer of git-annex, not the file; run git annex get"),
    (b"../.git/annex/", "a pointer of git-annex, not the file; run git annex get"),
    (b"<!doctype html", "a web page, not the file; download it again"),
    (b"<html", "a web page, not the file; download it again"),
)
"""What lies in the place of a file that was never fetched, by its beginning."""


@dataclass(frozen=True)
class Limits:
    """What a file may grow to when it is read.

    Args:
        max_bytes: Most bytes after decompression.
        max_ratio: Most decompressed bytes per compressed byte. Medical images reach about 200
            where they are nearly empty (label maps); gzip itself cannot do more than 1032.
    """

    max_bytes: int = 16 << 30
    max_ratio: float = 1040.0


def read_verified(path: Path, *, limits: Limits | None = None, most: int | None = None) -> bytes:
    """Read a file; a ``.gz`` one is decompressed to its end and checked.

    Args:
        path: The file.
        limits: Defaults to `Limits()`.
        most: Fail as soon as more bytes than these come out (what a header announced).

    Raises:
        InputError: Not there, no regular file, empty, a pointer to a file elsewhere, not gzip,
            cut short, damaged, followed by other bytes, or larger than allowed.
    """
    limits = limits or Limits()
    path = Path(path)
    raw = read_bytes(path, most=limits.max_bytes)
    if not raw:
        raise InputError(f"{path}: is empty (0 bytes); copy it again")
    for begin, what in _STAND_INS:
        if raw[: len(begin)].lower() == begin:
            raise InputError(f"{path}: is {what}")
    if not path.name.lower().endswith(".gz"):
        return raw
    if raw[:2] != b"\x1f\x8b":
        raise InputError(f"{path}: is named .gz but is not gzip; rename or compress it")
    ceiling = min(limits.max_bytes, int(limits.max_ratio * len(raw)) + 1024)
    return _decompress(path, raw, ceiling if most is None else min(most, ceiling))


def read_start(path: Path, count: int) -> bytes:
    """Read the first bytes of a file, decompressed where it is ``.gz``; its end is not checked.

    Raises:
        InputError: As of `read_verified`, as far as it is read.
    """
    path = Path(path)
    with opened(path) as file:
        if not path.name.lower().endswith(".gz"):
            return file.read(count)
        try:
            with gzip.open(file) as unpacked:
                return unpacked.read(count)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: damaged gzip data ({error}); copy it again") from None


def _decompress(path: Path, raw: bytes, ceiling: int) -> bytes:
    # one pass into one buffer: isal checks CRC and length when it reaches the end of a member
    engine = isal_zlib.decompressobj(wbits=31)
    try:
        data = engine.decompress(raw, ceiling + 1)
    except _DAMAGED as error:
        raise InputError(f"{path}: damaged gzip data ({error}); copy it again") from None
    if len(data) > ceiling:
        raise InputError(
            f"{path}: decompresses to more than {ceiling} bytes, far beyond what its size or "
            "header announces; it is not an image"
        )
    if not engine.eof:
        raise InputError(f"{path}: gzip data is cut short; copy it again")
    rest = engine.unused_data
    if rest.strip(b"\0"):
        if rest[:2] == b"\x1f\x8b":  # several members in a row are valid gzip
            return data + _decompress(path, rest, ceiling - len(data))
        raise InputError(f"{path}: {len(rest)} bytes follow the gzip data; copy it again")
    return data


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path; on success it replaces ``path`` at once, on failure it is gone.

    The temporary name ends as the target does, since image libraries look at endings.

    Args:
        path: The target.
        sync: Wait until the disk holds it. Without, only who looks for damage may read it: after
            a power cut the name may be there and the content not.

    Raises:
        InputError: The path cannot be a file's: its name is too long, a folder or a pipe is there.
        WorkError: The file system refused (full, read-only, no such folder).
    """
    path = Path(path)
    _check_target(path)
    temporary: Path | None = None
    try:
        ending = "".join(path.suffixes[-2:]) if path.name.lower().endswith(".gz") else path.suffix
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=ending, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        if sync:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        if sync:
            _sync_folder(path.parent)
    except OSError as error:
        if is_fault_of_path(error):
            raise InputError(f"{path}: {said_of(error)}") from error
        raise WorkError(
            f"{path}: could not be written ({error.strerror or error}); nothing was changed there"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _check_target(path: Path) -> None:
    """Refuse to put a file in the place of what is none: a folder, a pipe, a device."""
    if os.path.exists(path) and (kind := kind_of(path)) is not None:
        raise InputError(f"{path}: is {kind}; name a file to write")


def copy_file(source: Path | str, target: Path | str) -> None:
    """Copy a file's content; what was at the target is replaced whole or not at all.

    Raises:
        InputError: The source cannot be read.
        WorkError: The file system refused; the old file is as it was.
    """
    with (
        opened(Path(source)) as given,
        atomic_path(Path(target)) as temporary,
        temporary.open("wb") as stream,
    ):
        shutil.copyfileobj(given, stream)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by ``data``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace a file by UTF-8 ``text``; line ends stay as they are.

    Bytes of file names that are no text (``\\udcff``) are written as such escapes.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Replace a file by JSON; NaN and infinities become null, as JSON knows neither."""
    write_text(path, json.dumps(json_ready(value), indent=1, allow_nan=False) + "\n")


def json_ready(value: Any) -> Any:
    """Turn NaN and infinities into None, tuples into lists, paths into text.

    Example:
        >>> json_ready({"dice": float("nan"), "shape": (1, 2)})
        {'dice': None, 'shape': [1, 2]}
    """
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):
        return json_ready(value.item())
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def sha256_of(source: Path | bytes) -> str:
    """Hash a file's or a string of bytes' content.

    Example:
        >>> sha256_of(b"abc")[:8]
        'ba7816bf'
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with opened(Path(source)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
