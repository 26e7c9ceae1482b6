"""What a trained network is, beside its weights: ``model.json``, whole and consistent."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segscope.data.json_files import as_written, parse_json, read_text_file
from segscope.preprocessing import Inputs, MaskPlan, Plan, mask_channels

MODEL = "model.json"

# far beyond any network that was ever trained: what is above is a damaged number, and would only
# show when memory runs out
_MOST_CHANNELS = 1 << 16
_MOST_LEVELS = 16
_LARGEST_SIDE = 1 << 16
_LARGEST_PATCH = 1 << 30  # voxels
_SMALLEST, _LARGEST = 1e-30, 1e30  # numbers that float32 can divide by, and hold
_MOST_BYTES = 1 << 24  # of model.json and classifier.json
S = TypeVar("S")


class NetworkSpec(BaseModel):
    """How to build the network; ``options`` go to its constructor.

    ``package`` names the installed package that a network is of, ``my-package==1.0``; segscope's
    own have none, and then the key is not written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    package: str | None = Field(default=None, exclude_if=lambda package: package is None)
    spatial_dims: int = Field(ge=1, le=3)
    in_channels: int = Field(ge=1, le=_MOST_CHANNELS)
    out_channels: int = Field(ge=1, le=_MOST_CHANNELS)
    options: dict[str, Any] = {}

    @field_validator("options")
    @classmethod
    def _buildable(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Refuse numbers that no network can be built with, before memory is asked for."""
        faults = [
            f"{place} {value!r}" for place, value in _numbers(options, "") if not _sane(value)
        ]
        if faults:
            raise ValueError(f"not usable: {', '.join(faults[:3])}")
        widths, strides = options.get("widths", [1]), options.get("strides", [1])
        for name, found in (("widths", widths), ("strides", strides)):
            if not isinstance(found, list | tuple) or not 1 <= len(found) <= _MOST_LEVELS:
                raise ValueError(f"{name} must be a list of at most {_MOST_LEVELS}, got {found!r}")
        steps = [part for step in strides for part in (step if _several(step) else [step])]
        wrong = [value for value in (*widths, *steps) if not _positive(value)]
        if wrong:
            raise ValueError(f"widths and strides must be positive whole numbers, got {wrong[0]!r}")
        return options


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
        if not mask_channels(self.plan):
            return "image"
        return "gbm" if len(self.channel_names) == 1 else "image+gbm"

    @property
    def network_name(self) -> str:
        """For the reader."""
        return self.network.name

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
        framed = self.plan.frame == "template"
        if framed != (self.mask is not None and self.mask.frame == "template"):
            raise ValueError("mask and the plan do not agree on a template's frame")
        if bool(mask_channels(self.plan)) != (self.mask is not None) and not framed:
            raise ValueError("mask and the plan's channels do not agree on a global binary mask")
        if len(self.labels) != max(2, classes):
            raise ValueError(f"{classes} output channels do not fit the labels {self.labels}")
        axes = self.mirror_axes
        if not set(axes) <= set(range(dims)) or len(set(axes)) < len(axes):
            raise ValueError(
                f"mirror_axes must be within 0 to {dims - 1}, each once, got {self.mirror_axes}"
            )
        if max(self.patch) > _LARGEST_SIDE or math.prod(self.patch) > _LARGEST_PATCH:
            raise ValueError(f"patch {self.patch} is larger than any memory")
        return self

    @model_validator(mode="after")
    def _labels_are_outputs(self) -> "ModelSpec":
        """Output k of the network is written as k: no label may say another number."""
        labels = self.labels
        if sorted(labels.values()) != list(range(len(labels))):
            raise ValueError(
                f"labels must have the values 0 to {len(labels) - 1}, each once, as the network's "
                f"outputs are numbered, got {labels}"
            )
        named = {name.strip().casefold(): value for name, value in labels.items()}
        if named.get("background", 0) != 0:
            raise ValueError(f"labels: background must be 0, got {labels}")
        if "" in named or len({name.strip() for name in labels}) < len(labels):
            raise ValueError(f"labels must have names, each its own, got {list(labels)}")
        return self

    @model_validator(mode="after")
    def _fits_float32(self) -> "ModelSpec":
        """Images are normalised in float32 where that holds them."""
        for channel in self.plan.channels:
            numbers = (channel.lower, channel.upper, channel.mean, channel.sd)
            if any(abs(number) > _LARGEST for number in numbers if number is not None):
                raise ValueError(f"channel {channel.name}: {numbers} are beyond float32")
            divisors = [channel.foreground()[1]] if channel.scheme == "ct" else []
            if channel.scheme in ("window", "rescale"):
                lower, upper = channel.window()
                divisors.append(upper - lower)
            if any(divisor < _SMALLEST for divisor in divisors):
                raise ValueError(f"channel {channel.name}: {numbers} are too close to divide by")
        return self

    @model_validator(mode="after")
    def _mask_is_the_last_channel(self) -> "ModelSpec":
        mask, count = self.mask, len(self.channel_names)
        if mask is None:
            return self
        shown = len(mask_channels(self.plan))
        if shown and mask_channels(self.plan) != (count - 1,):
            raise ValueError("the global binary mask must be the last channel of the plan")
        own = len(mask.image_channels)
        if own < 1 or (count > 1 and own != count - shown) or mask.channel >= own:
            raise ValueError(
                f"mask.image_channels names {own} channels, of which mask.channel is number "
                f"{mask.channel}, for a network of {count}"
            )
        return self


def _numbers(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """All that is no text in options, however deep, with its place."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _numbers(part, f"{where}.{number}".lstrip("."))
    elif not isinstance(value, str):
        yield where, value


def _sane(value: Any) -> bool:
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) <= _MOST_CHANNELS
    return value is None


def _several(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


def spec_text(spec: ModelSpec) -> str:
    """Lay a specification out as ``model.json``."""
    return spec.model_dump_json(indent=1)


def read_spec(folder: Path) -> ModelSpec:
    """Read ``model.json``.

    Raises:
        InputError: Not there, or not such a file; what is wrong in it is listed.
    """
    return read_specified(folder, MODEL, parse_spec, "the folder of a run")


def read_specified(folder: Path, name: str, parse: Callable[[Path, str], S], run: str) -> S:
    """Read what a run's network is from the file ``name``; ``run`` says what to name instead.

    Raises:
        InputError: Not there; as ``parse`` says.
    """
    file = Path(folder) / name
    missing = f"{folder}: holds no {name}; name {run}"
    return parse(file, read_text_file(file, missing=missing, limit=_MOST_BYTES))


def parse_spec(file: Path, text: str) -> ModelSpec:
    """Check the text of a ``model.json``: nothing in it is filled in or converted.

    Raises:
        InputError: As of `read_spec`.
    """
    facts = parse_json(file, text)
    return as_written(file, facts, ModelSpec, what="a model of this version of segscope")
