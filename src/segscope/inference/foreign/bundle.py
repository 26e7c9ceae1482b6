"""A MONAI bundle: its configuration is read as data, its parts are MONAI's, its weights tensors."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from segscope.data import sha256_of
from segscope.data.json_files import as_typed, read_json
from segscope.errors import InputError
from segscope.inference.device import choose_device
from segscope.inference.foreign.bundle_config import BundleConfig, config_file, read_config
from segscope.inference.foreign.bundle_images import IMAGE, PRED, BundlePreparer
from segscope.inference.foreign.bundle_parts import (
    POST,
    READERS,
    TRANSFORMS,
    WRITERS,
    Part,
    make_inferer,
    make_network,
    make_transform,
    part_of,
    parts_of,
    values_of,
)
from segscope.inference.foreign.bundle_run import BundleInferer, overlap_of, with_way_back
from segscope.inference.foreign.torchscript import read_script
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel
from segscope.inference.parts import ForeignSpec, Parts
from segscope.inference.weights import load_into

_WEIGHTS = (".pt", ".pth", ".safetensors", ".ts")
_LOG = logging.getLogger(__name__)
_STEP = 32
_PER_KEY = ("mode", "padding_mode", "align_corners")


def is_bundle(path: Path) -> bool:
    """Whether a folder is a bundle that can infer, by its files."""
    return (
        path.is_dir()
        and (path / "configs" / "metadata.json").is_file()
        and config_file(path, "inference") is not None
        and bool(_weights_files(path))
    )


def lacking(path: Path) -> str | None:
    """What a folder that is nearly a bundle lacks; None of anything else."""
    if not path.is_dir() or not (path / "configs" / "metadata.json").is_file():
        return None
    if config_file(path, "inference") is None:
        return "is a MONAI bundle without configs/inference.json: it cannot say how it predicts"
    return "is a MONAI bundle without models/model.pt or model.ts; download its weights"


def open_bundle(path: Path, *, weights: str | None = None, device: str = "cpu") -> TrainedModel:
    """Open a bundle.

    Args:
        path: Its folder.
        weights: Name of a file in ``models``, where there are several.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: A part that is none of MONAI's known ones, or an argument that is Python; each
            with its place; weights that are missing, damaged or do not fit.
    """
    config = read_config(path, "inference")
    file = _chosen(path, weights)
    net, notes, part = _network(config, file)
    known = values_of(config, part)
    inputs, outputs = _formats(path)
    infer = part_of(config, _needed(config, "inferer"), "inferer")
    inferer_values = values_of(config, infer)
    make_inferer(config, infer)  # refused now, and not at the first image
    net_dims = int(known.get("spatial_dims", known.get("dimensions", 3)))
    slices = infer.name == "SliceInferer"
    channels = _channels(inputs, known)
    before, sentences = _before(config)
    preparer = BundlePreparer(
        tuple(before),
        3 if slices else net_dims,
        net_dims,
        int(inferer_values.get("spatial_dim", 0)) if slices else None,
        len(channels),
        tuple(sentences),
    )
    post, activation, exclusive, said = _after(config, preparer)
    names = _labels(outputs, int(known.get("out_channels", 2)), exclusive)
    window = inferer_values.get("roi_size")
    patch = None if window is None else _sides(window, net_dims)
    spec = ForeignSpec(
        tool="MONAI bundle",
        network_name=part.name.rpartition(".")[2],
        labels=names,
        channel_names=channels,
        patch=patch,
        facts={"configuration": sha256_of(config.file), "weights": file.name, "ignored": said},
    )
    how = overlap_of(inferer_values)
    parts = Parts(
        preparer=preparer,
        inferer=BundleInferer(config, infer, how, tuple(post), activation, exclusive, preparer),
        multiple=None if patch is None else tuple(math.gcd(side, _STEP) for side in patch),
        how=how,
        exclusive=exclusive,
    )
    for note in (*notes, *said):
        _LOG.warning("%s", note)
    return TrainedModel(
        spec,
        net.eval().to(choose_device(device)),
        weights_sha256=sha256_of(file),
        notes=(*notes, *said),
        parts=parts,
    )


def _weights_files(path: Path) -> list[Path]:
    models = path / "models"
    return sorted(f for f in models.glob("*") if f.suffix in _WEIGHTS) if models.is_dir() else []


def _chosen(path: Path, name: str | None) -> Path:
    """The file of weights: as named, or the usual one, or the only one."""
    files = _weights_files(path)
    if name is not None:
        named = [file for file in files if file.name == name]
        if not named:
            there = ", ".join(file.name for file in files)
            raise InputError(f"--weights {name}: {path}/models holds {there}")
        return named[0]
    usual = [file for file in files if file.name in ("model.pt", "model.safetensors")]
    scripts = [file for file in files if file.suffix == ".ts"]
    chosen = usual[:1] or [file for file in files if file not in scripts] or scripts
    if len(chosen) > 1:
        there = ", ".join(file.name for file in files)
        raise InputError(f"{path}/models: holds {there}; say which by --weights NAME")
    return chosen[0]


def _network(config: BundleConfig, file: Path) -> tuple[nn.Module, tuple[str, ...], Part]:
    key = next((k for k in ("network_def", "network", "net") if k in config), None)
    if key is None:
        raise InputError(f"{config.file}: has no network_def; copy the whole bundle")
    part = part_of(config, config.raw(key), key)
    if file.suffix == ".ts":
        return read_script(file), (f"{file}: runs a program from this file",), part
    net = make_network(config, part)
    return net, load_into(net, file, remedy="copy the whole bundle again"), part


def _needed(config: BundleConfig, key: str) -> Any:
    if key not in config:
        raise InputError(f"{config.file}: has no {key}; copy the whole bundle")
    return config.raw(key)


def _before(config: BundleConfig) -> tuple[list[Any], list[str]]:
    """Build the preprocessing, for the image alone, and say it."""
    parts = parts_of(config, "preprocessing") if "preprocessing" in config else []
    keys = [_keys(config, part) for part in parts]
    image = keys[0][0] if keys else IMAGE
    made, said = [], []
    for part, own in zip(parts, keys, strict=True):
        if part.name in READERS or image not in own:
            continue
        made.append(make_transform(config, part, TRANSFORMS, **_of_one(config, part, own, image)))
        values = {k: v for k, v in values_of(config, part).items() if k != "keys"}
        given = ", ".join(f"{key} {value}" for key, value in values.items())
        said.append(f"{part.name} {given}".strip())
    return made, said


def _keys(config: BundleConfig, part: Part) -> list[str]:
    found = config.plain(part.values.get("keys", IMAGE), f"{part.place}#keys")
    return [found] if isinstance(found, str) else [str(key) for key in found]


def _of_one(config: BundleConfig, part: Part, keys: list[str], image: str) -> dict[str, Any]:
    """Arguments for the image, where the file has some for several keys."""
    changed: dict[str, Any] = {"keys": IMAGE}
    if "source_key" in part.values:
        changed["source_key"] = IMAGE
    for name in _PER_KEY:
        value = config.plain(part.values.get(name), f"{part.place}#{name}")
        if isinstance(value, list) and len(value) == len(keys):
            changed[name] = value[keys.index(image)]
    return changed


def _after(
    config: BundleConfig, preparer: BundlePreparer
) -> tuple[list[Any], Any, bool, list[str]]:
    """Build the postprocessing; also what makes probabilities, the kind of classes, and notes."""
    parts = parts_of(config, "postprocessing") if "postprocessing" in config else []
    made: list[Any] = []
    notes: list[str] = []
    activation: Any = None
    exclusive: bool | None = None
    for part in parts:
        if part.name in WRITERS or PRED not in _keys(config, part):
            continue
        if part.name == "Lambdad":
            notes.append(f"{config.file}: {part.place} is Python, which is never run: the channels "
                         "are predicted as regions, as they come out")  # fmt: skip
            continue
        changed: dict[str, Any] = {"keys": PRED}
        if part.name == "Invertd":
            changed |= {"transform": preparer.compose(), "orig_keys": IMAGE}
        one = make_transform(config, part, POST, **changed)
        made.append(one)
        values = values_of(config, part)
        if part.name == "Activationsd" and activation is None:
            activation = one
            exclusive = bool(values.get("softmax")) if exclusive is None else exclusive
        if part.name == "AsDiscreted" and values.get("argmax"):
            exclusive = True
    made, added = with_way_back(made, preparer)
    if added:
        notes.append(f"{config.file}: has no Invertd; label maps are brought back to the files' "
                     "voxels by the nearest one")  # fmt: skip
    return made, activation, exclusive is not False, notes


def _formats(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the bundle's metadata say of the first image that goes in, and what comes out."""
    file = path / "configs" / "metadata.json"
    facts = as_typed(file, read_json(file), dict[str, Any], what="metadata of a MONAI bundle")
    data = facts.get("network_data_format")
    found = []
    for side in ("inputs", "outputs"):
        named = data.get(side) if isinstance(data, Mapping) else None
        values = list(named.values()) if isinstance(named, Mapping) else []
        if not values or not isinstance(values[0], Mapping):
            raise InputError(f"{file}: has no network_data_format.{side}; copy the whole bundle")
        found.append(values[0])
    return found[0], found[1]


def _defined(facts: Mapping[str, Any]) -> dict[int, str]:
    named = facts.get("channel_def")
    if not isinstance(named, Mapping):
        return {}
    return {int(k): str(v) for k, v in named.items() if str(k).isdecimal()}


def _channels(inputs: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, ...]:
    count = int(known.get("in_channels", inputs.get("num_channels", 1)))
    named = _defined(inputs)
    return tuple(named.get(k, str(k)) for k in range(count))


def _labels(outputs: Mapping[str, Any], channels: int, exclusive: bool) -> dict[str, int]:
    """Names of labels: of classes by their number, of regions from 1 on."""
    named = _defined(outputs)
    if channels > 1 and exclusive:
        return {"background" if k == 0 else named.get(k, str(k)): k for k in range(channels)}
    first = [named.get(1, named.get(0, "1"))] if channels == 1 else [
        named.get(k, str(k + 1)) for k in range(channels)
    ]  # fmt: skip
    found = {"background": 0}
    for value, name in enumerate(first, start=1):
        found[f"{name} region" if name in found else name] = value
    return found


def _sides(window: Any, dims: int) -> tuple[int, ...]:
    sides = [window] * dims if isinstance(window, int) else list(window)
    return tuple(int(side) for side in sides[:dims])


def _open(path: Path, options: OpenOptions) -> TrainedModel:
    return open_bundle(path, weights=options.weights, device=options.device)


KIND = Kind("a MONAI bundle", is_bundle, _open, ("weights",), lacking)
