"""The folder of a run: whose it is, and from what the run was made.

What a person wants of a run has plain names at its top; what only a training needs that goes on
(its state, a lock, prepared cases) is in ``RUN/.segscope``. Older runs have these at the top, where
they are left.

A run can be resumed as soon as it has a state, which is written before its first step; what ended
before, while images were read, may be begun anew in the same folder.
"""

import fcntl
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segscope.data import TEMPORARY, Dataset, sha256_of, write_json
from segscope.errors import InputError, WorkError
from segscope.images import Case
from segscope.inference import made_with
from segscope.inference.run_files import (
    ANEW,
    HIDDEN,
    LOG,
    MANIFEST,
    check_run_file,
    hash_run_files,
    read_manifest,
)
from segscope.paths import check_lock, is_there

STATE, CACHE = "state.safetensors", "cache"

_RECIPE = "recipe.yaml"
_LOG = logging.getLogger(__name__)


def hidden(folder: Path, name: str) -> Path:
    """Where a run keeps something out of sight; where an older version put it, if it is there.

    Example:
        >>> hidden(Path("runs/a"), STATE).as_posix()
        'runs/a/.segscope/state.safetensors'
    """
    older, own = folder / name, folder / HIDDEN / name
    return older if is_there(older) and not is_there(own) else own


def has_begun(folder: Path) -> bool:
    """Whether a folder holds a run that can be resumed."""
    return hidden(folder, STATE).is_file()


def holds_nothing(folder: Path) -> bool:
    """Whether no run was begun in a folder, if there is one at all."""
    state = hidden(folder, STATE)
    begun = state.exists() or state.is_symlink() or any(folder.glob("weights_*.safetensors"))
    return not begun and (folder.is_dir() or not folder.exists())


def check_run_folder(folder: Path, *, resume: bool) -> None:
    """Refuse a folder that holds a run when a new one is wanted, or none when one shall go on.

    Raises:
        InputError: As said.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"-o {folder}: is a file; name a folder")
    state = hidden(folder, STATE)
    if (state.exists() or state.is_symlink()) and not state.is_file():
        raise InputError(
            f"{state}: is no file; put the training's state there, or name another run"
        )
    if resume and not has_begun(folder):
        raise InputError(f"--resume: {folder} holds no training state; start without --resume")
    trained = has_begun(folder) or any(folder.glob("weights_*.safetensors"))
    if trained and not resume:
        raise InputError(f"-o {folder}: holds a run already; add --resume or name another folder")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder; remove what a killed one left half.

    Raises:
        WorkError: One does.
    """
    lock = folder / HIDDEN / "lock"
    check_lock(lock)
    try:
        lock.parent.mkdir(exist_ok=True)
        opened = lock.open("w")
    except OSError as error:
        raise WorkError(
            f"{folder}: nothing can be written there ({error.strerror}); a training needs a folder "
            "of its own"
        ) from None
    with opened as file:
        try:
            # the kernel lets go of it when the process ends, however it ends
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkError(f"{folder}: another process trains in this folder") from None
        for place in (folder, lock.parent):  # a state's size for every kill in mid-write
            for half in place.glob(f"{TEMPORARY}*"):
                if half.is_file():
                    half.unlink()
        yield


def write_run_manifest(
    folder: Path,
    dataset: Dataset,
    inputs: Mapping[str, list[str]],
    *,
    seed: int,
    device: str,
    **more: Any,
) -> None:
    """Write what a run was made from: versions, machine, seed, hashes of its cases' files.

    So are the run's own files that stand by then (recipe, split, fingerprint, ``prior/``); model
    and weights are added when they are written.
    """
    facts = {
        "format": 1,
        **made_with(device),
        "seed": seed,
        "dataset": dataset.name,
        **more,
        "files": hash_run_files(folder),
        "inputs": dict(inputs),
    }
    write_json(folder / MANIFEST, facts)


def note_in_manifest(folder: Path, **facts: Any) -> None:
    """Add facts to a run's manifest, where it has one; those of the same name are replaced."""
    known = read_manifest(folder)
    if known is not None and not facts.items() <= known.items():
        write_json(folder / MANIFEST, {**known, **facts})


def check_inputs(folder: Path, inputs: Mapping[str, list[str]], dataset: Dataset) -> None:
    """Refuse to go on with files that are others than those that a run was begun with.

    Runs of older versions, which have no manifest or one without hashes, are let pass.

    Raises:
        InputError: A case's files have changed since, or the manifest is damaged.
    """
    facts = read_manifest(folder) or {}
    known = facts.get("inputs", {})
    unknown = [name for name in inputs if name not in known]
    if unknown and {"files", "inputs"} <= facts.keys():
        raise InputError(
            f"{folder / MANIFEST}: does not list case {unknown[0]} that the run was begun with; "
            f"{ANEW}"
        )
    changed = [name for name, hashes in inputs.items() if known.get(name, hashes) != hashes]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"{dataset.folder}: the files of case {changed[0]}{more} have changed since {folder} "
            "was begun; put the old ones back, or train anew in another folder"
        )


def check_run_files(folder: Path) -> None:
    """Refuse to go on in a run of which a file is gone, damaged or another one.

    The recipe may be changed by hand (more epochs, say): that is said, and noted in the manifest.

    Raises:
        InputError: A file that the manifest lists is not as the run wrote it.
    """
    facts = read_manifest(folder) or {}
    for name in {**facts.get("files", {}), **facts.get("replacing", {})}:
        if name == _RECIPE:
            _note_recipe(folder, facts)
        elif name == LOG:
            continue  # written anew from the rows that the state holds
        elif name in facts.get("files", {}) or (folder / name).exists():
            check_run_file(folder, name)


def _note_recipe(folder: Path, facts: dict[str, Any]) -> None:
    digest, known = sha256_of(folder / _RECIPE), facts["files"][_RECIPE]
    if digest == known:
        return
    _LOG.warning(
        "%s: was changed since the run was begun; the training goes on by what it says now",
        folder / _RECIPE,
    )
    older = [*facts.get("older_recipes", []), known]
    files = facts["files"] | {_RECIPE: digest}
    write_json(folder / MANIFEST, {**facts, "files": files, "older_recipes": older})


def stamps(cases: Sequence[Case]) -> dict[str, list[tuple[int, int]]]:
    """Size and time of change of every case's files, which are quick to compare."""
    found = {}
    for case in cases:
        known = [
            part for file in case.files for part in ([*file.iterdir()] if file.is_dir() else [file])
        ]
        found[case.name] = [(s.st_size, s.st_mtime_ns) for s in (part.stat() for part in known)]
    return found


@contextmanager
def unchanging(cases: Sequence[Case], dataset: Dataset) -> Iterator[None]:
    """Refuse files that change while they are read.

    Raises:
        InputError: A file is another one at the end than at the beginning.
    """
    before = stamps(cases)
    yield
    try:
        after = stamps(cases)
    except OSError as error:
        raise InputError(
            f"{error.filename}: went away while the dataset was read; put it back, start again"
        ) from None
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise InputError(
            f"{dataset.folder}: the files of case {changed[0]} changed while they were read; wait "
            "until nothing writes there, and start again in another folder"
        )
