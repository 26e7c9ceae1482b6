"""The files that make up a run, and how it is seen that they are those that it wrote.

``manifest.json`` of a run holds the SHA-256 of each of them under ``files``. A file that is
replaced while a training goes on is announced there first, under ``replacing``, and taken over
when it stands: whenever the training is killed, what lies in the folder is one of the two.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from segscope.data import atomic_path, sha256_of, write_json
from segscope.data.json_files import as_typed, read_json, read_typed
from segscope.errors import InputError
from segscope.images import Fingerprint

MANIFEST = "manifest.json"
FINGERPRINT = "fingerprint.json"
LOG = "log.csv"
HIDDEN = ".segscope"
"""Folder in a run for what only a training needs that goes on."""

_FACTS = ("recipe.yaml", "split.json", "splits_final.json", FINGERPRINT, "model.json",
          "classifier.json")  # fmt: skip
ANEW = "put the old one back, or train anew in another folder"


class _Manifest(BaseModel):
    """What is read of a run's manifest; older ones list no files, or no inputs."""

    model_config = ConfigDict(extra="ignore")

    inputs: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    replacing: dict[str, str] = {}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read a run's ``manifest.json``; None where the folder has none of a run.

    Raises:
        InputError: It is damaged.
    """
    file = Path(folder) / MANIFEST
    if not os.path.lexists(file):  # a link to nowhere is no run without a manifest
        return None
    remedy = f"it is damaged: {ANEW}"
    facts: Any = read_json(file, remedy=remedy)
    if isinstance(facts, dict) and "cases" in facts and "inputs" not in facts:
        return None  # of predictions that somebody has put here
    as_typed(file, facts, _Manifest, what="a run's manifest", remedy=remedy)
    return dict(facts)


def known_hashes(folder: Path, name: str) -> frozenset[str]:
    """Which contents of a file are the run's; none where its manifest does not list it."""
    facts = read_manifest(folder) or {}
    return frozenset(
        facts[part][name] for part in ("files", "replacing") if name in facts.get(part, {})
    )


def check_run_file(folder: Path, name: str) -> None:
    """Refuse a file of a run that its manifest lists, and that is gone or another one.

    Raises:
        InputError: As said.
    """
    known, file = known_hashes(folder, name), Path(folder) / name
    if not known:
        return
    if not file.is_file():
        raise InputError(f"{file}: is missing, and {MANIFEST} lists it; {ANEW}")
    if sha256_of(file) not in known:
        raise InputError(
            f"{file}: is not the one that this run wrote (its SHA-256 is not {MANIFEST}'s); {ANEW}"
        )


def has_run_file(folder: Path, name: str) -> bool:
    """Whether a run has a file that some have, or that older versions did not write.

    Raises:
        InputError: The run's manifest lists it, and it is gone or another one.
    """
    check_run_file(folder, name)
    return os.path.lexists(Path(folder) / name)


def hash_run_files(folder: Path) -> dict[str, str]:
    """Hash what makes up a run, as far as it is there: recipe, split, model, weights, prior."""
    weights = sorted(folder.glob("weights_*.safetensors"))
    prior = sorted(file for file in (folder / "prior").rglob("*") if file.is_file())
    files = [*(folder / name for name in _FACTS), *weights, *prior]
    return {str(f.relative_to(folder)): sha256_of(f) for f in files if f.is_file()}


def check_prior(prior: Path) -> None:
    """Refuse a run's ``prior/``, which makes the masks of new images, where a file of it differs.

    Raises:
        InputError: As of `check_run_file`.
    """
    files = (read_manifest(prior.parent) or {}).get("files", {})
    for name in files:
        if name.startswith(f"{prior.name}/"):
            check_run_file(prior.parent, name)


@contextmanager
def replacing(folder: Path, name: str) -> Iterator[Path]:
    """Yield a temporary path whose content becomes a run's file, whole or not at all.

    Where the folder has a run's manifest the new content is known there before it stands.

    Raises:
        WorkError: The file system refused.
    """
    with atomic_path(folder / name) as temporary:
        yield temporary
        digest = sha256_of(temporary)
        _note(folder, name, digest, stands=False)
    _note(folder, name, digest, stands=True)


def _note(folder: Path, name: str, digest: str, *, stands: bool) -> None:
    facts = read_manifest(folder)
    if facts is None:
        return
    files, coming = dict(facts.get("files", {})), dict(facts.get("replacing", {}))
    announced = coming.pop(name, None)
    if stands:
        files[name] = digest
    else:
        file = folder / name
        there = sha256_of(file) if file.is_file() else None
        # an older run lists none yet; a killed one may not have taken over what stands already
        if there is not None and (name not in files or there == announced):
            files[name] = there
        coming[name] = digest
    changed = {**facts, "files": files, "replacing": coming}
    if not coming:
        del changed["replacing"]
    write_json(folder / MANIFEST, changed)


def read_fingerprint(folder: Path) -> Fingerprint | None:
    """Read what a run's training images were like; None where it does not know.

    Raises:
        InputError: The file is damaged, not the run's, or gone from a run that had one.
    """
    folder = Path(folder)
    check_run_file(folder, FINGERPRINT)
    file = folder / FINGERPRINT
    if not os.path.lexists(file):
        return None
    return read_typed(file, Fingerprint, what="a fingerprint of this version", remedy=ANEW)
