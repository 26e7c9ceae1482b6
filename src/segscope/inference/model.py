"""A trained network in a folder: what it is (``model.json``) and its weights (safetensors)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from torch import Tensor, nn

from segscope.data import sha256_of, write_text
from segscope.errors import InputError
from segscope.images import Fingerprint
from segscope.inference.device import choose_device
from segscope.inference.meant import read_seen
from segscope.inference.weights import check_weights, load_weights, save_weights
from segscope.networks import Segmenter, build_network, fold_batch_norms
from segscope.preprocessing import Inputs, MaskPlan, Plan, mask_channels


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
        format: Version of this file's form.
        network: How to build it.
        plan: What happens to images before and after.
        labels: Name to value, background included.
        channel_names: In the order of the network's input.
        patch: Size of a sliding window, in prepared voxels.
        mirror_axes: Along which a mirrored image may be predicted too, counted among the
            network's spatial axes.
        file_ending: Of the dataset it was trained on.
        mask: How the global binary mask is made, for a network that is shown one; it is the last
            channel, in a file of its own.
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
    mask: MaskPlan | None = None

    @property
    def inputs(self) -> Inputs:
        """What the network is shown."""
        if self.mask is None:
            return "image"
        return "gbm" if len(self.channel_names) == 1 else "image+gbm"

    @property
    def file_channels(self) -> int:
        """Channels of the images that are given: without the mask, which is made."""
        return len(self.channel_names if self.mask is None else self.mask.image_channels)

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        net = self.network
        dims, channels, classes = net.spatial_dims, net.in_channels, net.out_channels
        if self.plan.spatial_dims != dims or len(self.patch) != dims or min(self.patch) < 1:
            raise ValueError(
                f"a {dims}D network needs a plan for {dims}D and a patch of {dims} positive "
                f"sides, got {self.plan.spatial_dims}D and {self.patch}"
            )
        if len(self.channel_names) != channels or len(self.plan.channels) != channels:
            raise ValueError(
                f"the network takes {channels} channels, named are {len(self.channel_names)}, "
                f"planned {len(self.plan.channels)}"
            )
        if bool(mask_channels(self.plan)) != (self.mask is not None):
            raise ValueError("mask and the plan's channels do not agree on a global binary mask")
        if len(self.labels) != max(2, classes):
            raise ValueError(f"{classes} output channels do not fit the labels {self.labels}")
        if not set(self.mirror_axes) <= set(range(dims)):
            raise ValueError(f"mirror_axes must be within 0 to {dims - 1}, got {self.mirror_axes}")
        return self


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its weights and its specification.

    Args:
        spec: What it is.
        net: On the device that shall predict.
        bf16: Compute in bfloat16 where that is safe (automatic mixed precision).
        weights_sha256: Of the file of weights; empty for a network that came from no file.
        seen: What its training cases were like, where that is known.
    """

    spec: ModelSpec
    net: Segmenter
    bf16: bool = False
    weights_sha256: str = ""
    seen: Fingerprint | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.net.parameters()).device


def save_model(
    folder: Path, spec: ModelSpec, net: nn.Module | Mapping[str, Tensor], *, name: str = "best"
) -> None:
    """Write ``model.json`` and ``weights_NAME.safetensors``, each whole or not at all.

    Args:
        folder: Made where it is missing.
        spec: What the network is.
        net: The network, or its state dict.
        name: ``best``, ``last`` or of a snapshot.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = spec.model_dump_json(indent=1)
    file = folder / "model.json"
    if not file.is_file() or file.read_text("utf-8") != text:
        write_text(file, text)
    state = net.state_dict() if isinstance(net, nn.Module) else net
    save_weights(folder / f"weights_{name}.safetensors", state)


def load_model(
    folder: Path,
    *,
    weights: str = "best",
    device: str = "cpu",
    level: int | None = None,
    bf16: bool = False,
    fast: bool = False,
) -> TrainedModel:
    """Load a run's network for prediction.

    Args:
        folder: With ``model.json``.
        weights: ``best``, ``last`` or a snapshot such as ``epoch0010``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        level: Prune to this level of a nested network.
        bf16: Compute in bfloat16 where that is safe; fast where the processor has it.
        fast: Fold batch norms into convolutions and store weights with channels innermost: the same
            result but for rounding.

    Raises:
        InputError: Not a run, weights missing, damaged or of another network, no such device or
            level.
    """
    folder = Path(folder)
    where = choose_device(device)
    if bf16 and where.type not in ("cpu", "cuda"):
        raise InputError(f"--bf16: is for processors and CUDA devices, this is {where}")
    spec = read_spec(folder)
    file = weights_file(folder, weights)
    net = _build(folder / "model.json", spec.network)
    state = load_weights(file)
    check_weights(file, state, net.state_dict())
    net.load_state_dict(state)
    net.eval()
    if level is not None:
        net = prune(net, level)
    net = net.to(where)
    if fast:
        forms = {2: torch.channels_last, 3: torch.channels_last_3d}
        form: Any = forms.get(spec.network.spatial_dims, torch.contiguous_format)
        net = fold_batch_norms(net).to(memory_format=form)
    return TrainedModel(spec, net, bf16, sha256_of(file), read_seen(folder, spec.plan))


def read_spec(folder: Path) -> ModelSpec:
    """Read ``model.json``.

    Raises:
        InputError: Not there, or not such a file; what is wrong in it is listed.
    """
    file = Path(folder) / "model.json"
    try:
        return ModelSpec.model_validate(json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: holds no model.json; name the folder of a run") from None
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in found['loc']) or 'model'}: {found['msg']}"
            for found in error.errors()
        ]
        raise InputError(f"{file}: is not a model of this version of segscope:", faults) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is not JSON ({error}); copy it again") from None


def weights_file(folder: Path, weights: str) -> Path:
    """Find the weights of a name.

    Raises:
        InputError: Not there; those that are there are named.
    """
    file = folder / f"weights_{weights}.safetensors"
    if not file.is_file():
        there = sorted(f.stem.removeprefix("weights_") for f in folder.glob("weights_*"))
        raise InputError(f"{file}: no such weights; there are {', '.join(there) or 'none'}")
    return file


def prune(net: Segmenter, level: int) -> Segmenter:
    """Cut a nested network down to a level.

    Raises:
        InputError: The network has no levels, or not this one.
    """
    cut = getattr(net, "prune", None)
    if cut is None:
        raise InputError(
            f"--level L{level}: a {type(net).__name__} has no levels; only UNet++ and ANU-Net have"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            small: Segmenter = cut(level)
    except ValueError:
        raise InputError(f"--level L{level}: this network has L1 to L{net.head_count}") from None
    return small.eval()


def _build(file: Path, spec: NetworkSpec) -> Segmenter:
    try:
        # a new network draws weights: loading a model must not move the caller's random numbers
        with torch.random.fork_rng(devices=[]):
            return build_network(
                spec.name, spec.spatial_dims, spec.in_channels, spec.out_channels, **spec.options
            )
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: cannot build the network: {error}") from None
