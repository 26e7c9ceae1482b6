"""Prepared arrays on disk: found by what they were made from, checked when they are read.

An entry is a folder named by its key, with one ``.npy`` file per array (memory-mapped, so that a
patch costs what it holds) and the files' hashes. It is made beside and renamed into place, so a
killed process leaves no half entry. An entry whose bytes changed is made again, and a warning says
so.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.files import sha256_of
from segscope.errors import WorkError

_LOG = logging.getLogger(__name__)
_INDEX = "index.json"


def cache_key(*parts: str | bytes | Path) -> str:
    """Hash texts, bytes and files' contents into one key.

    Example:
        >>> cache_key("a", b"b") == cache_key("ab", b"")
        False
    """
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            digest = _hash_of_path(part)
        else:
            data = part.encode() if isinstance(part, str) else part
            digest = sha256_of(data)
        whole.update(digest.encode())
    return whole.hexdigest()


class Cache:
    """Arrays by key in a folder.

    Args:
        folder: Made when the first entry is.

    Example:
        >>> cache = Cache(Path(tempfile.mkdtemp()))
        >>> cache.get("k", lambda: {"a": np.arange(3)})["a"].tolist()
        [0, 1, 2]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._checked: set[str] = set()

    def get(self, key: str, make: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        """Return the entry's arrays, memory-mapped; ``make`` them first where it is not there."""
        entry = self.folder / key
        if entry.is_dir() and key not in self._checked and not _whole(entry):
            _LOG.warning("cache entry %s is damaged; it is made again", entry)
            shutil.rmtree(entry)
        if not entry.is_dir():
            self._store(entry, make())
        self._checked.add(key)
        names = json.loads((entry / _INDEX).read_text("utf-8"))
        return {name: np.load(entry / f"{name}.npy", mmap_mode="r") for name in names}

    def _store(self, entry: Path, arrays: dict[str, NDArray[Any]]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".making-", dir=self.folder))
            try:
                for name, array in arrays.items():
                    with (work / f"{name}.npy").open("wb") as file:
                        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
                        file.flush()
                        os.fsync(file.fileno())
                hashes = {name: sha256_of(work / f"{name}.npy") for name in arrays}
                (work / _INDEX).write_text(json.dumps(hashes), "utf-8")
                _rename_or_yield(work, entry)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise WorkError(f"{entry}: could not be written ({error.strerror or error})") from error


def _rename_or_yield(work: Path, entry: Path) -> None:
    try:
        work.rename(entry)
    except OSError:
        if not entry.is_dir():  # otherwise another process made the same entry meanwhile
            raise


def _whole(entry: Path) -> bool:
    try:
        hashes = json.loads((entry / _INDEX).read_text("utf-8"))
        return all(sha256_of(entry / f"{name}.npy") == h for name, h in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _hash_of_path(path: Path) -> str:
    if path.is_dir():  # a DICOM series
        files = sorted(f for f in path.iterdir() if f.is_file())
        return sha256_of("".join(f.name + sha256_of(f) for f in files).encode())
    return sha256_of(path)
