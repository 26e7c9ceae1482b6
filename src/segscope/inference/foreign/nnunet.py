"""nnU-Net v2: a results folder, ``TRAINER__PLANS__CONFIGURATION`` with ``fold_0`` and others."""

import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from segscope.data import sha256_of
from segscope.errors import InputError
from segscope.inference.device import choose_device
from segscope.inference.foreign.nnunet_network import build_network, fit_state, known_trainer
from segscope.inference.foreign.nnunet_normalise import ChannelRule, check_scheme
from segscope.inference.foreign.nnunet_plans import DATASET, PLANS, Described, read_description
from segscope.inference.foreign.nnunet_prepare import READERS, NnunetPreparer
from segscope.inference.foreign.nnunet_resample import resampler
from segscope.inference.foreign.nnunet_seen import read_judge
from segscope.inference.foreign.nnunet_windows import NnunetInferer
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel
from segscope.inference.parts import ForeignSpec, How, Parts
from segscope.inference.weights import load_checkpoint

TOOL = "nnU-Net v2"
CHECKPOINTS = ("final", "best", "latest")

_LOG = logging.getLogger(__name__)
_FOLD = re.compile(r"fold_(\d+|all)$")
_V1 = ("plans.pkl", "*.model.pkl", "fold_*/*.model.pkl", "all/*.model.pkl")


@dataclass(frozen=True)
class _Fold:
    """One checkpoint: where it is, what it was when it was opened."""

    name: str
    file: Path
    sha256: str
    stamp: tuple[int, int]

    @classmethod
    def of(cls, name: str, file: Path) -> "_Fold":
        return cls(name, file, sha256_of(file), _stamp(file))


@dataclass(frozen=True)
class _Checkpoint:
    weights: Mapping[str, Tensor]
    trainer: str
    configuration: str
    mirror_axes: tuple[int, ...]


def _recognise(path: Path) -> bool:
    return (
        (path / PLANS).is_file()
        and (path / DATASET).is_file()
        and any(True for _ in _checkpoints(path))
    )


def _checkpoints(path: Path) -> Iterator[tuple[str, str]]:
    """Fold and kind of all checkpoints of a folder."""
    if not path.is_dir():
        return
    for folder in sorted(path.iterdir()):
        match = _FOLD.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            continue
        for kind in CHECKPOINTS:
            if (folder / f"checkpoint_{kind}.pth").is_file():
                yield match[1], kind


def _open(path: Path, options: OpenOptions) -> TrainedModel:
    device = choose_device(options.device)
    kind = _kind(path, options.checkpoint)
    names = _chosen(path, kind, options.folds)
    folds = [_Fold.of(n, path / f"fold_{n}" / f"checkpoint_{kind}.pth") for n in names]
    first = _read(folds[0])
    said = read_description(path, first.configuration)
    net = build_network(path, said, first.trainer)
    for fold in reversed(folds):  # each is whole and fits; the first one's weights stay
        found = first if fold is folds[0] else _read(fold)
        if found.configuration != first.configuration or found.trainer != first.trainer:
            raise InputError(
                f"{fold.file}: was trained as {found.configuration} by {found.trainer}, "
                f"{folds[0].file} as {first.configuration} by {first.trainer}; choose --folds"
            )
        state = fit_state(fold.file, found.weights, net, found.trainer)
    net.load_state_dict(state)
    notes = tuple(_notes(path, first.trainer, names))
    for note in notes:
        _LOG.warning("%s", note)
    preparer = _preparer(path, said)
    _check_mirrors(folds[0].file, first.mirror_axes, len(preparer.patch))
    spec = ForeignSpec(
        tool=TOOL,
        network_name=type(net).__name__,
        labels=said.labels,
        channel_names=said.channel_names,
        patch=preparer.patch,
        mirror_axes=first.mirror_axes,
        file_ending=said.file_ending,
        facts={
            "configuration": said.name,
            "trainer": first.trainer,
            "checkpoints_sha256": {f"fold_{one.name}": one.sha256 for one in folds},
            "plans_sha256": sha256_of(path / PLANS),
            "dataset_sha256": sha256_of(path / DATASET),
            "notes": list(notes),
        },
    )
    loads: list[Callable[[nn.Module], None]] = [partial(_load, fold) for fold in folds]
    regions = tuple(said.labels[name] for name in said.regions)
    inferer = NnunetInferer(preparer, loads, regions)
    return TrainedModel(
        spec,
        net.to(device),
        weights_sha256=_sha256(folds),
        notes=notes,
        parts=Parts(
            preparer,
            inferer,
            multiple=_multiple(said),
            how=How(mirror=bool(first.mirror_axes)),
            exclusive=not regions,
            regions=tuple(said.regions.values()),
            members=inferer.members if len(folds) > 1 else None,
            judge=read_judge(path, said),
            reverse_axes=True,
        ),
    )


def _kind(path: Path, wanted: str | None) -> str:
    """Which checkpoints are taken."""
    there = {kind for _, kind in _checkpoints(path)}
    if wanted is not None and wanted not in CHECKPOINTS:
        raise InputError(f"--checkpoint {wanted}: expected one of {', '.join(CHECKPOINTS)}")
    kind = wanted or CHECKPOINTS[0]
    if kind not in there:
        known = " or ".join(f"--checkpoint {one}" for one in CHECKPOINTS if one in there)
        raise InputError(f"{path}: no fold has a checkpoint_{kind}.pth; say {known}")
    return kind


def _chosen(path: Path, kind: str, wanted: str | None) -> list[str]:
    """Which folds are averaged: those that are named, or all that are numbered."""
    there = [fold for fold, one in _checkpoints(path) if one == kind]
    numbered = sorted((fold for fold in there if fold != "all"), key=int)
    if wanted is None:
        return numbered or there
    asked = [part.strip() for part in wanted.split(",")]
    missing = [fold for fold in asked if fold not in there]
    if missing or len(set(asked)) < len(asked):
        raise InputError(f"--folds {wanted}: {path} has {', '.join(there)} (checkpoint_{kind}.pth);"
                         " name each at most once, as 0,1 or all")  # fmt: skip
    return asked


def _read(fold: _Fold) -> _Checkpoint:
    """Read a checkpoint: tensors stay on disk until they are used."""
    found = load_checkpoint(fold.file)
    needed = ("network_weights", "trainer_name", "init_args")
    lost = [key for key in needed if key not in found]
    init = found.get("init_args")
    configuration = init.get("configuration") if isinstance(init, dict) else None
    weights, trainer = found.get("network_weights"), found.get("trainer_name")
    whole = (
        isinstance(weights, dict) and isinstance(trainer, str) and isinstance(configuration, str)
    )
    if lost or not whole or not all(isinstance(one, Tensor) for one in (weights or {}).values()):
        raise InputError(
            f"{fold.file}: is no checkpoint of nnU-Net v2 (it lacks {', '.join(lost) or needed}); "
            "copy it again"
        )
    axes: Any = found.get("inference_allowed_mirroring_axes") or ()
    if not isinstance(axes, tuple | list) or not all(type(one) is int for one in axes):
        raise InputError(f"{fold.file}: inference_allowed_mirroring_axes is {axes!r}, axes are "
                         "expected; copy it again")  # fmt: skip
    return _Checkpoint(weights or {}, str(trainer), str(configuration), tuple(axes))


def _load(fold: _Fold, net: nn.Module) -> None:
    """Put a fold's weights, which were checked when the folder was opened, into the network."""
    if _stamp(fold.file) != fold.stamp:
        raise InputError(f"{fold.file}: has changed since it was opened; predict again")
    found = _read(fold)
    net.load_state_dict(fit_state(fold.file, found.weights, net, found.trainer))


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _sha256(folds: list[_Fold]) -> str:
    """Of the one checkpoint; of several, of their hashes."""
    if len(folds) == 1:
        return folds[0].sha256
    return sha256_of("\n".join(one.sha256 for one in folds).encode())


def _notes(path: Path, trainer: str, names: list[str]) -> Iterator[str]:
    if not known_trainer(trainer):
        yield f"{path}: the trainer {trainer} is not known; its weights fit the plans"
    if any(path.glob("crossval_results_*/postprocessing.pkl")):
        yield f"{path}: postprocessing.pkl is left out, as a pickle could run code"
    if "all" not in names and ("all", CHECKPOINTS[0]) in _checkpoints(path):
        yield f"{path}: fold_all is left out; say --folds all for it alone"


def _preparer(path: Path, said: Described) -> NnunetPreparer:
    file, found = path / PLANS, said.configuration
    if said.reader not in READERS:
        raise InputError(f"{file}: image_reader_writer {said.reader} is not known; known are "
                         f"{', '.join(READERS)}")  # fmt: skip
    rules = []
    for number, (name, scheme, masked) in enumerate(
        zip(said.channel_names, found.normalization_schemes, found.use_mask_for_norm, strict=True)
    ):
        check_scheme(file, scheme)
        own = said.intensities.get(number)
        if scheme == "CTNormalization" and own is not None:
            numbers = (own.mean, own.std, own.percentile_00_5, own.percentile_99_5)
            rules.append(ChannelRule(name, scheme, masked, *numbers))
        else:
            rules.append(ChannelRule(name, scheme, masked))
    return NnunetPreparer(
        reader=said.reader,
        transpose=said.transpose,
        spacing=found.spacing,
        patch=found.patch_size,
        channels=tuple(rules),
        data=resampler(file, found.resampling_fn_data, found.resampling_fn_data_kwargs),
        scores=resampler(
            file, found.resampling_fn_probabilities, found.resampling_fn_probabilities_kwargs
        ),
        ignore=said.ignore,
    )


def _check_mirrors(file: Path, axes: tuple[int, ...], dims: int) -> None:
    if not set(axes) <= set(range(dims)) or len(set(axes)) < len(axes):
        raise InputError(
            f"{file}: mirrors along {axes}, the network has {dims} axes; copy it again"
        )


def _multiple(said: Described) -> tuple[int, ...]:
    """What sides must be multiples of: all strides together."""
    found = said.configuration
    arch = (found.architecture or {}).get("arch_kwargs") or {}
    strides = arch.get("strides") or (found.model_extra or {}).get("pool_op_kernel_sizes")
    multiple = [1] * len(found.patch_size)
    for step in strides or ():
        each = step if isinstance(step, list | tuple) else [step] * len(multiple)
        multiple = [m * int(s) for m, s in zip(multiple, each, strict=True)]
    return tuple(multiple)


def _near_miss(path: Path) -> str | None:
    """What keeps a path from being a results folder, and what to do."""
    if path.is_file():
        return _of_file(path)
    if _FOLD.fullmatch(path.name) and any(path.glob("checkpoint_*.pth")):
        return f"is one fold of an nnU-Net folder; name its parent {path.parent}, and --folds"
    if any(True for pattern in _V1 for _ in path.glob(pattern)):
        return "is an nnU-Net v1 folder, whose pickles are never read; train it with nnU-Net v2"
    if any(True for _ in _checkpoints(path)):
        lost = " and ".join(name for name in (PLANS, DATASET) if not (path / name).is_file())
        return (
            f"has folds of nnU-Net but no {lost}; plans.json is in nnUNet_preprocessed/DATASET as "
            "nnUNetPlans.json, dataset.json beside it: copy both here"
        )
    if any(_FOLD.fullmatch(one.name) for one in path.iterdir()) and (path / PLANS).is_file():
        return "is an nnU-Net folder without a checkpoint_final.pth; copy the folds' checkpoints"
    below = sorted(one.name for one in path.iterdir() if one.is_dir() and _recognise(one))
    if below:
        return f"holds nnU-Net folders, {', '.join(below)}; name one of them"
    return None


def _of_file(path: Path) -> str | None:
    if path.name.startswith("checkpoint_") and _FOLD.fullmatch(path.parent.name):
        return f"is one checkpoint of an nnU-Net folder; name {path.parent.parent}, and --folds"
    if not zipfile.is_zipfile(path) or path.suffix.lower() != ".zip":
        return None
    with zipfile.ZipFile(path) as packed:
        if any(name.endswith(f"/{PLANS}") or name == PLANS for name in packed.namelist()):
            return "is a packed nnU-Net folder; unpack it, and name the folder with plans.json"
    return None


KIND = Kind("an nnU-Net v2 results folder", _recognise, _open, ("folds", "checkpoint"), _near_miss)
