"""What is known of every prediction in a folder: from which files, by which weights and options.

``manifest.json`` holds hashes, versions and options, no image and no header. It decides whether a
label map may be taken as it is, made again, or belongs to somebody else.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import nn

from segscope import __version__
from segscope.data import sha256_of, write_json
from segscope.data.decoders.dicom_files import list_slices
from segscope.errors import InputError, in_order
from segscope.images import Case
from segscope.inference.model import TrainedModel
from segscope.inference.verdict import LEVELS, Verdict
from segscope.paths import is_there, read_text

_NAME = "manifest.json"


@dataclass(frozen=True)
class PredictOptions:
    """How cases are predicted; defaults are those of the command line.

    Args:
        mirror: Average over mirrored copies.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass.
        probabilities: Also write ``CASE.npz``.
        replace_nonfinite: Put this in place of NaN and infinities in images.
        resample_shear: Bring sheared images (gantry tilt) to an upright grid, and predict there.
        anyway: Also predict images that lie far outside of what the model has seen.
    """

    mirror: bool = False
    overlap: float = 0.5
    batch: int = 4
    probabilities: bool = False
    replace_nonfinite: float | None = None
    resample_shear: bool = False
    anyway: bool = False


class PredictKeywords(TypedDict, total=False):
    """The same as keywords of `predict_cases`."""

    mirror: bool
    overlap: float
    batch: int
    probabilities: bool
    replace_nonfinite: float | None
    resample_shear: bool
    anyway: bool


class Manifest:
    """The predictions of a folder, by case.

    Args:
        folder: Where ``manifest.json`` is, or will be.
        model: That predicts now.
        options: With which it does.
        weights: Hash of its weights.

    Raises:
        InputError: Another program's file of this name is there.
    """

    def __init__(
        self, folder: Path, model: TrainedModel, options: PredictOptions, weights: str
    ) -> None:
        self.file = folder / _NAME
        self._how = _how(model, options, weights)
        self._with = made_with(model.device)
        self._cases = _read(self.file)
        self._before = set(self._cases)

    def vouches(self, name: str, inputs: list[str], outputs: list[Path]) -> bool:
        """Whether these very files were made from these inputs by these weights and options."""
        entry = self._cases.get(name)
        return (
            entry is not None
            and entry["made_by"] == self._how
            and entry["inputs"] == inputs
            and set(entry["outputs"]) == {file.name for file in outputs}
            and all(f.is_file() and entry["outputs"][f.name] == sha256_of(f) for f in outputs)
        )

    def owns(self, name: str, inputs: list[str]) -> bool:
        """Whether a prediction of these inputs by these weights was begun and never finished."""
        entry = self._cases.get(name)
        return (
            entry is not None
            and entry["made_by"] == self._how
            and entry["inputs"] == inputs
            and not entry["outputs"]
        )

    def verdict(self, name: str) -> Verdict:
        """How far this case lay from what the model had seen, when it was predicted."""
        return Verdict.from_dict((self._cases.get(name) or {}).get("verdict"))

    def stale(self, name: str, outputs: list[Path]) -> list[Path]:
        """Files of an older prediction of this case, unchanged, that the new one does not have."""
        entry = self._cases.get(name) or {"outputs": {}}
        kept = {file.name for file in outputs}
        older = {self.file.with_name(n): digest for n, digest in entry["outputs"].items()}
        return [
            file
            for file, digest in older.items()
            if file.name not in kept and file.is_file() and sha256_of(file) == digest
        ]

    def begin(self, name: str, inputs: list[str]) -> None:
        """Note that files of this case are ours, should the work end before it is finished."""
        self._put(name, inputs, {}, (), Verdict())

    def finish(
        self,
        name: str,
        inputs: list[str],
        outputs: list[Path],
        notes: tuple[str, ...],
        verdict: Verdict,
        by: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a case's written files; ``by`` is what made them, where this process did not."""
        hashes = {file.name: sha256_of(file) for file in outputs}
        self._put(name, inputs, hashes, notes, verdict, by)

    def arrange(self, names: Sequence[str]) -> None:
        """Put new cases in this order behind those that were there before."""
        known = {name: entry for name, entry in self._cases.items() if name in self._before}
        arranged = known | in_order(self._cases, names)
        if list(arranged) != list(self._cases):
            self._cases = arranged
            self._write()

    def entry(self, name: str) -> Mapping[str, Any]:
        """What is known of a case that was finished."""
        return self._cases[name]

    def _put(
        self,
        name: str,
        inputs: list[str],
        outputs: Mapping[str, str],
        notes: tuple[str, ...],
        verdict: Verdict,
        by: Mapping[str, Any] | None = None,
    ) -> None:
        self._cases[name] = {
            "inputs": inputs,
            "outputs": dict(outputs),
            "notes": list(notes),
            "verdict": verdict.to_dict(),
            "made_by": self._how,
            "made_with": self._with if by is None else dict(by),
        }
        self._write()

    def _write(self) -> None:
        write_json(self.file, {"format": 1, "cases": self._cases})


def made_with(device: torch.device | str) -> dict[str, Any]:
    """Versions and machine, as every manifest says them."""
    return {
        "segscope": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": str(device),
        "threads": torch.get_num_threads(),
    }


def hash_cases(cases: Sequence[Case]) -> dict[str, list[str]]:
    """Hash the files of cases, images before the label map."""
    return {case.name: input_hashes(case.files) for case in cases}


def write_manifest(
    folder: Path, cases: Sequence[Case], *, device: torch.device | str, weights: str
) -> None:
    """Write what a folder of figures about cases was made from: ``manifest.json``.

    Args:
        folder: Of the figures.
        cases: Their files are hashed.
        device: That computed.
        weights: Hash of the weights.
    """
    facts = {
        "format": 1, **made_with(device), "weights_sha256": weights, "inputs": hash_cases(cases),
    }  # fmt: skip
    write_json(folder / _NAME, facts)


def input_hashes(files: tuple[Path, ...]) -> list[str]:
    """Hash a case's files; a folder (a DICOM series) by the hashes of its files."""
    return [_folder_hash(file) if file.is_dir() else sha256_of(file) for file in files]


def weights_hash(model: TrainedModel) -> str:
    """Hash of the file of weights; of the weights themselves where they came from no file."""
    return model.weights_sha256 or state_hash(model.net)


def state_hash(net: nn.Module) -> str:
    """Hash of a network's weights themselves."""
    parts = [
        f"{name} {tuple(value.shape)} {sha256_of(value.detach().cpu().float().numpy().tobytes())}"
        for name, value in net.state_dict().items()
    ]
    return sha256_of("\n".join(parts).encode())


def _folder_hash(folder: Path) -> str:
    """Of what is read of it: the slices of a series, which `list_slices` finds or refuses."""
    try:
        parts = [sha256_of(file) for file in list_slices(folder).slices]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); copy it again") from None
    return sha256_of("".join(parts).encode())


def _how(model: TrainedModel, options: PredictOptions, weights: str) -> dict[str, Any]:
    """All that a prediction depends on beside its input, but for rounding."""
    chosen = asdict(options)
    del chosen["batch"], chosen["anyway"]  # neither changes what comes out
    return chosen | {
        "weights_sha256": weights,
        "model_sha256": sha256_of(model.spec.model_dump_json().encode()),
        "network": model.spec.network.name,
        "level": model.net.head_count,
        "bf16": model.bf16,
    }


def _read(file: Path) -> dict[str, Any]:
    if not is_there(file):
        return {}
    text = read_text(file)
    try:
        found = json.loads(text)
        cases: dict[str, Any] = found["cases"]
        whole = found["format"] == 1 and all(
            {"inputs", "outputs", "made_by"} <= entry.keys()
            and all(name == Path(name).name for name in entry["outputs"])
            and Verdict.from_dict(entry.get("verdict")).level in LEVELS
            for entry in cases.values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise InputError(
            f"{file}: is not a manifest of predictions by segscope; name another folder"
        )
    return cases
