"""Many cases through a network, to files beside a manifest that says how each was made."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segscope import __version__
from segscope.data import (
    image_ending,
    load_case,
    sha256_of,
    write_json,
    write_label,
    write_probabilities,
)
from segscope.errors import InputError, WorkError
from segscope.images import Case, LabelMap
from segscope.inference.model import TrainedModel
from segscope.inference.predict import predict_labels, predict_probabilities
from segscope.progress import track

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Predicted:
    """What `predict_cases` did: written, taken as they were, and failed with the reason."""

    written: tuple[str, ...]
    reused: tuple[str, ...]
    failed: dict[str, str]


def predict_cases(
    model: TrainedModel,
    cases: Sequence[Case],
    folder: Path,
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    probabilities: bool = False,
    overwrite: bool = False,
    replace_nonfinite: float | None = None,
    model_hash: str = "",
) -> Predicted:
    """Predict cases into ``folder/CASE.ext``, each written whole or not at all.

    The format is the input's own (``.nii.gz`` for DICOM, ``.png`` for JPEG). A prediction that the
    folder's manifest vouches for (same inputs, weights and options, unchanged since) is not made
    again.

    Args:
        model: To predict with.
        cases: What to predict.
        folder: Made where it is missing.
        mirror: Average over mirrored copies.
        overlap: Of windows.
        probabilities: Also write ``CASE.npz``.
        overwrite: Replace files that the manifest does not vouch for.
        replace_nonfinite: See `data.read_image`.
        model_hash: Identifies the weights in the manifest.

    Raises:
        InputError: Before any work: a foreign file stands where a prediction would go.
        WorkError: After all others were made: some cases failed; each is named with its reason.
    """
    folder = Path(folder)
    options = {
        "mirror": mirror,
        "overlap": overlap,
        "probabilities": probabilities,
        "replace_nonfinite": replace_nonfinite,
        "model": model_hash,
        "level": getattr(model.net, "head_count", 1),
    }
    known = _read_manifest(folder)
    reused = [] if overwrite else [c for c in cases if _vouched(c, folder, known, options)]
    todo = [case for case in cases if case not in reused]
    foreign = [t for case in todo if (t := target(case, folder)).exists()]
    if foreign and not overwrite:
        raise InputError(
            f"{foreign[0]}: exists and was not made by these weights and options"
            f"{f' ({len(foreign)} files)' if len(foreign) > 1 else ''}; "
            "say --overwrite or name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    for case in track(todo, "predicting"):
        try:
            label, extra = _predict(model, case, options)
        except InputError as error:
            failed[case.name] = str(error)
            continue
        file = target(case, folder)
        write_label(file, label, like=case.image_files[0])
        if extra is not None:
            write_probabilities(folder / f"{case.name}.npz", extra)
        known[case.name] = {
            "output": file.name,
            "sha256": sha256_of(file),
            "inputs": [_digest(f) for f in case.image_files],
            "options": options,
            "notes": list(label.notes),
        }
        _write_manifest(folder, model, known)
    if failed:
        listed = [f"{name}: {reason}" for name, reason in failed.items()]
        raise WorkError("\n  ".join([f"{len(failed)} of {len(cases)} cases failed:", *listed]))
    return Predicted(
        tuple(c.name for c in todo if c.name not in failed), tuple(c.name for c in reused), failed
    )


def target(case: Case, folder: Path) -> Path:
    """Where a case's prediction goes."""
    first = case.image_files[0]
    ending = ".nii.gz" if first.is_dir() else (image_ending(first) or ".nii.gz")
    if ending.lower() in (".jpg", ".jpeg"):
        ending = ".png"  # JPEG would change labels
    return folder / f"{case.name}{ending}"


def _predict(model: TrainedModel, case: Case, options: dict[str, Any]) -> tuple[LabelMap, Any]:
    loaded = load_case(
        Case(case.name, case.image_files),
        channels=len(model.spec.channel_names),
        replace_nonfinite=options["replace_nonfinite"],
    )
    try:
        if not options["probabilities"]:
            label = predict_labels(
                model, loaded.image, mirror=options["mirror"], overlap=options["overlap"]
            )
            return label, None
        found = predict_probabilities(
            model, loaded.image, mirror=options["mirror"], overlap=options["overlap"]
        )
    except ValueError as error:
        raise InputError(f"case {case.name}: {error}") from None
    label = found.to_labels()
    return LabelMap(label.array, label.grid, loaded.image.notes), found


def _vouched(case: Case, folder: Path, known: dict[str, Any], options: dict[str, Any]) -> bool:
    entry = known.get(case.name)
    file = target(case, folder)
    return (
        entry is not None
        and file.is_file()
        and entry["options"] == options
        and entry["inputs"] == [_digest(f) for f in case.image_files]
        and entry["sha256"] == sha256_of(file)
    )


def _digest(file: Path) -> str:
    if file.is_dir():
        parts = sorted(f for f in file.iterdir() if f.is_file())
        return sha256_of("".join(sha256_of(f) for f in parts).encode())
    return sha256_of(file)


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / _MANIFEST
    if not file.is_file():
        return {}
    try:
        cases: dict[str, Any] = json.loads(file.read_text("utf-8"))["cases"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise InputError(f"{file}: is not a manifest of segscope; name another folder") from None
    return cases


def _write_manifest(folder: Path, model: TrainedModel, cases: dict[str, Any]) -> None:
    device = next(model.net.parameters()).device
    facts = {
        "format": 1,
        "segscope": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": str(device),
        "network": model.spec.network.model_dump(),
        "labels": model.spec.labels,
        "cases": cases,
    }
    write_json(folder / _MANIFEST, facts)
