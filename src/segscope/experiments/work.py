"""Work in folders that any process can take up: what decides it, who is at it, what is whole.

A trial's folder has a hash of all that decides it in its name, a lock while somebody works there,
and steps that are whole or not there. Studies whose trials are no single training build on these.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segscope.data import json_ready, sha256_of
from segscope.errors import WorkError
from segscope.paths import check_lock, is_file


def key_of(facts: Mapping[str, Any]) -> str:
    """Hash all that decides a result, for a folder's name: other settings are another folder.

    Example:
        >>> key_of({"seed": 0, "epochs": 1}) == key_of({"epochs": 1, "seed": 0})
        True
    """
    text = json.dumps(json_ready(dict(facts)), sort_keys=True)
    return sha256_of(text.encode())[:10]


def content_of_files(values: Any) -> list[str]:
    """Hash the files that settings name, as of a loss's weights: their content decides."""
    if isinstance(values, Mapping):
        return [found for value in values.values() for found in content_of_files(value)]
    if isinstance(values, list):
        return [found for value in values for found in content_of_files(value)]
    named = isinstance(values, str) and "." in values and is_file(Path(values))
    return [sha256_of(Path(values))] if named else []


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether no other process works here now; the kernel lets go when a process ends.

    Args:
        folder: Of the work.
        wait: Until the other one has ended.
    """
    check_lock(folder / "lock")
    try:
        file = (folder / "lock").open("w")
    except OSError as error:
        raise WorkError(f"{folder}: cannot be written to ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make a folder as a whole, where it was not made before.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "maps"
        >>> made_once(place, lambda new: new.mkdir()).is_dir()
        True
        >>> made_once(place, lambda new: 1 / 0).is_dir()
        True
    """
    if not folder.is_dir():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder
