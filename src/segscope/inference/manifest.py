"""What is known of every prediction in a folder: from which files, by which weights and options.

``manifest.json`` holds hashes, versions and options, no image and no header. It decides whether a
label map may be taken as it is, made again, or belongs to somebody else.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segscope import __version__
from segscope.data import json_ready, sha256_of, write_json
from segscope.data.decoders.dicom_files import list_slices
from segscope.errors import InputError, in_order
from segscope.images import Case
from segscope.inference.model import TrainedModel
from segscope.inference.parts import ForeignSpec
from segscope.inference.verdict import LEVELS, Verdict
from segscope.paths import is_there, read_text
from segscope.predict_options import PredictOptions

_NAME = "manifest.json"


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
        self._cases, known = _read(self.file)
        # what a label's number means, for those who read the label maps later
        self._labels = known | {weights: options.written_labels(model.spec.labels)}
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

    def facts(self, name: str) -> Mapping[str, Any]:
        """What was found while this case was predicted."""
        return (self._cases.get(name) or {}).get("facts") or {}

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
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a case's written files.

        Args:
            name: Of the case.
            inputs: Hashes of its files.
            outputs: Its written files.
            notes: On it.
            verdict: How far it lies from what the model has seen.
            by: What made the files, where this process did not.
            facts: What was found while it was predicted.
        """
        hashes = {file.name: sha256_of(file) for file in outputs}
        self._put(name, inputs, hashes, notes, verdict, by, facts)

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
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._cases[name] = {
            "inputs": inputs,
            "outputs": dict(outputs),
            "notes": list(notes),
            "verdict": verdict.to_dict(),
            "made_by": self._how,
            "made_with": self._with if by is None else dict(by),
            **({"facts": dict(facts)} if facts else {}),
        }
        self._write()

    def _write(self) -> None:
        models = [entry["made_by"].get("weights_sha256") for entry in self._cases.values()]
        labels = {model: named for model, named in self._labels.items() if model in models}
        write_json(self.file, {"format": 1, "labels": labels, "cases": self._cases})


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
    how = model.how(mirror=options.mirror, overlap=options.overlap)
    if options.label_values is None:  # as manifests were before there was a choice
        del chosen["label_values"]
    return chosen | {
        "mirror": how.mirror,
        "overlap": how.overlap,
        "weights_sha256": weights,
        **_facts(model),
        "network": model.spec.network_name,
        "bf16": model.bf16,
    }


def _facts(model: TrainedModel) -> dict[str, Any]:
    """What else tells one model from another."""
    spec = model.spec
    if isinstance(spec, ForeignSpec):
        mirrored = list(spec.mirror_axes)
        return {"tool": spec.tool, "mirror_axes": mirrored, **json_ready(dict(spec.facts))}
    text = model.run_spec.model_dump_json()
    return {"model_sha256": sha256_of(text.encode()), "level": model.segmenter.head_count}


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the cases of a manifest, and the labels of the models that predicted them."""
    if not is_there(file):
        return {}, {}
    text = read_text(file)
    try:
        found = json.loads(text)
        cases: dict[str, Any] = found["cases"]
        labels = dict(found.get("labels", {}))  # older versions did not write any
        whole = found["format"] == 1 and all(
            {"inputs", "outputs", "made_by"} <= entry.keys()
            and isinstance(entry["made_by"], dict)
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
    return cases, labels
