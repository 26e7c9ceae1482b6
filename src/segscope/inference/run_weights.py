"""The weights of a run, segmentation or classifier: which specification they belong to, unchanged.

A file of weights carries the SHA-256 of the specification beside it (``model.json`` or
``classifier.json``) and of its own tensors, so that the two are a pair wherever they are copied;
where the folder has a run's manifest, both are also in there.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from segscope.data import sha256_of
from segscope.errors import InputError
from segscope.inference.run_files import ANEW, MANIFEST, known_hashes, replacing
from segscope.inference.weights import CONTENT, Weights, fit_weights, load_weights, write_weights

_SPEC = "specification_sha256"
_TRIES = 5


@dataclass(frozen=True)
class RunWeights:
    """Weights for a run's network.

    Args:
        state: Under the network's own names.
        sha256: Of the file.
        notes: What was done to them, and what could not be checked.
    """

    state: dict[str, Tensor]
    sha256: str
    notes: tuple[str, ...]


def save_run_weights(
    folder: Path, spec_name: str, text: str, state: Mapping[str, Tensor], *, name: str
) -> None:
    """Write a specification and ``weights_NAME.safetensors``, each whole or not at all.

    Args:
        folder: Made where it is missing.
        spec_name: ``model.json`` or ``classifier.json``.
        text: Of the specification.
        state: Weights.
        name: ``best``, ``last`` or of a snapshot.

    Raises:
        WorkError: The file system refused; the old files are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    file = folder / spec_name
    if not file.is_file() or file.read_bytes() != content:
        with replacing(folder, spec_name) as temporary:
            temporary.write_bytes(content)
    with replacing(folder, f"weights_{name}.safetensors") as temporary:
        write_weights(temporary, state, facts={_SPEC: sha256_of(content)})


def read_run_weights(
    folder: Path, spec_name: str, name: str, expected: Mapping[str, Tensor]
) -> RunWeights:
    """Read a run's weights for a network, and check that they and their specification are whole.

    Args:
        folder: Of the run.
        spec_name: ``model.json`` or ``classifier.json``, which was read.
        name: ``best``, ``last`` or of a snapshot.
        expected: The network's own state dict; its tensors may be without values (``meta``).

    Raises:
        InputError: Weights missing, damaged, of another network, of another specification, or not
            those that the run wrote.
    """
    file, spec = weights_file(folder, name), folder / spec_name
    # a training may go on in the folder: what was the run's before or after reading is the run's
    known = {one: known_hashes(folder, one.name) for one in (spec, file)}
    weights, digest = _read_still(file)
    known = {one: hashes | known_hashes(folder, one.name) for one, hashes in known.items()}
    fitted = fit_weights(
        file,
        weights,
        expected,
        remedy=f"{spec_name} describes another one: use the weights it was saved with",
    )
    found, wanted = {spec: sha256_of(spec), file: digest}, weights.facts.get(_SPEC)
    for one, hashes in known.items():
        if hashes and found[one] not in hashes:
            raise InputError(
                f"{one}: is not the one that this run wrote (its SHA-256 is not {MANIFEST}'s); "
                f"{ANEW}"
            )
    if wanted is not None and wanted != found[spec]:
        raise InputError(
            f"{file}: was written for another {spec_name} than the one beside it, or that was "
            f"changed since (SHA-256 differs); {ANEW}"
        )
    carried = wanted is not None and CONTENT in weights.facts
    if carried or all(known.values()):
        return RunWeights(fitted.state, digest, fitted.notes)
    note = (
        f"{file}: carries no hash of itself and of {spec_name} (an older version or another "
        "program wrote it): that they are unchanged cannot be checked"
    )
    return RunWeights(fitted.state, digest, (*fitted.notes, note))


def weights_file(folder: Path, name: str) -> Path:
    """Find the weights of a name.

    Raises:
        InputError: Not there; those that are there are named.
    """
    file = folder / f"weights_{name}.safetensors"
    if not os.path.isfile(file):
        there = sorted(f.stem.removeprefix("weights_") for f in folder.glob("weights_*"))
        raise InputError(f"{file}: no such weights; there are {', '.join(there) or 'none'}")
    return file


def _read_still(file: Path) -> tuple[Weights, str]:
    """Read a file and hash it, both of the same content, though it may be replaced meanwhile."""
    for _ in range(_TRIES):
        before = _stamp(file)
        weights, digest = load_weights(file), sha256_of(file)
        if _stamp(file) == before:
            return weights, digest
    raise InputError(f"{file}: changes again and again while it is read; wait for the training")


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
