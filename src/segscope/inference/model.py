"""A trained network in a folder: what it is (``model.json``) and its weights (safetensors)."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segscope.data import atomic_path, write_text
from segscope.errors import InputError
from segscope.networks import Segmenter, build_network
from segscope.preprocessing import Plan


class NetworkSpec(BaseModel):
    """How to build the network; ``options`` go to its constructor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    spatial_dims: int
    in_channels: int
    out_channels: int
    options: dict[str, Any] = {}


class ModelSpec(BaseModel):
    """Everything that prediction needs beside the weights.

    Args:
        network: How to build it.
        plan: What happens to images before and after.
        labels: Name to value, background included.
        channel_names: In the order of the network's input.
        patch: Size of a sliding window, in prepared voxels.
        mirror_axes: Along which a mirrored image may be predicted too.
        file_ending: Of the dataset it was trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    network: NetworkSpec
    plan: Plan
    labels: dict[str, int]
    channel_names: tuple[str, ...]
    patch: tuple[int, ...]
    mirror_axes: tuple[int, ...] = ()
    file_ending: str


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its weights and its specification."""

    spec: ModelSpec
    net: Segmenter


def save_model(folder: Path, spec: ModelSpec, net: nn.Module, *, name: str = "best") -> None:
    """Write ``model.json`` and ``weights_NAME.safetensors``, each atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    text = spec.model_dump_json(indent=1)
    file = folder / "model.json"
    if not file.is_file() or file.read_text("utf-8") != text:
        write_text(file, text)
    tensors = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
    with atomic_path(folder / f"weights_{name}.safetensors") as temporary:
        save_file(tensors, temporary)


def load_model(
    folder: Path, *, weights: str = "best", device: str = "cpu", level: int | None = None
) -> TrainedModel:
    """Load a run's network for prediction.

    Args:
        folder: With ``model.json``.
        weights: ``best``, ``last`` or a snapshot such as ``epoch0010``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        level: Prune to this level of a nested network.

    Raises:
        InputError: Not a run, weights missing, damaged or of another network, no such device or
            level.
    """
    spec = read_spec(folder)
    file = folder / f"weights_{weights}.safetensors"
    if not file.is_file():
        there = sorted(f.stem.removeprefix("weights_") for f in folder.glob("weights_*"))
        raise InputError(f"{file}: no such weights; there are {', '.join(there) or 'none'}")
    state = load_weights(file)
    part = spec.network
    try:
        net = build_network(
            part.name, part.spatial_dims, part.in_channels, part.out_channels, **part.options
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / 'model.json'}: cannot build the network: {error}") from None
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise InputError(
            f"{file}: does not fit the network of model.json ({lines[-1].strip()})"
        ) from None
    net.eval()
    if level is not None:
        net = prune(net, level)
    return TrainedModel(spec, net.to(choose_device(device)))


def read_spec(folder: Path) -> ModelSpec:
    """Read ``model.json``."""
    file = Path(folder) / "model.json"
    try:
        return ModelSpec.model_validate(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no model.json; name the folder of a run") from None
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise InputError(f"{file}: is not a model of segscope ({error})") from None


def load_weights(file: Path) -> dict[str, Tensor]:
    """Read a state dict; safetensors, or a torch file that holds nothing but tensors.

    Raises:
        InputError: Damaged, or pickled code in it (which is never run); the reason is named.
    """
    if file.suffix == ".safetensors":
        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file}: is damaged ({error}); train or copy it again") from None
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(
            f"{file}: holds more than weights, or is damaged ({first}); save its state_dict() as "
            "safetensors"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{file}: is not a state dict of tensors; save net.state_dict()")
    return state


def prune(net: Segmenter, level: int) -> Segmenter:
    """Cut a nested network down to a level, or say why that is not possible."""
    cut = getattr(net, "prune", None)
    if cut is None:
        raise InputError(
            f"--level L{level}: a {type(net).__name__} has no levels; only UNet++ and ANU-Net have"
        )
    try:
        small: Segmenter = cut(level)
    except ValueError:
        raise InputError(f"--level L{level}: this network has L1 to L{net.head_count}") from None
    return small.eval()


def parse_level(text: str | None) -> int | None:
    """Turn ``L2`` (or ``2``) into 2.

    Example:
        >>> parse_level("L2"), parse_level(None)
        (2, None)
    """
    if text is None:
        return None
    digits = text.upper().removeprefix("L")
    if not digits.isdigit():
        raise InputError(f"--level {text}: expected L1, L2, L3 or L4")
    return int(digits)


def choose_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` into a device that is there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = device.partition(":")
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if kind not in there or (index and not index.isdigit()) or int(index or 0) >= there[kind]:
        here = ", ".join(f"{name} ({n})" for name, n in there.items() if n)
        raise InputError(f"--device {device}: is not here; here are {here}")
    return torch.device(device)
