"""``prepare.yaml``: what a model does not say about itself, said once by who knows it.

A network that is shown images in another form than it was trained on answers all the same, and
every number of it is wrong. So what no file of the model says is asked for, never guessed.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segscope.data import read_verified
from segscope.data.json_files import faults_of
from segscope.errors import InputError
from segscope.preprocessing import Plan

Axes = Literal["xyz", "zyx"]
"""Order of a network's axes in those of the prepared image."""

Output = Literal["auto", "logits", "probabilities"]
"""What a network returns; ``auto`` refuses logits that look like probabilities."""

EXAMPLE = """\
channel_names: {0: T1}
labels: {background: 0, lesion: 1}
output: logits          # or probabilities
axes: xyz               # zyx where the network was trained on (z, y, x) arrays, as nnU-Net's are
window: [96, 96, 96]    # largest piece at a time; leave out for whole images
multiple: [16, 16, 16]  # of what sides must be multiples; leave out for 32
preprocessing:
  orientation: RAS
  spacing_mm: [1, 1, 1]
  channels: [{name: T1, scheme: zscore}]"""
"""A file for ``--prepare``; what is left out is not done."""

NAMES = ("prepare.yaml", "prepare.yml", "prepare.json")
"""Of a file that lies beside its model."""


class PrepareFile(BaseModel):
    """What a model does not say of itself.

    Args:
        channel_names: Number to name; must be as many as the dataset's.
        labels: Name to value; must be the dataset's, as its truth is compared.
        file_ending: Of the images it was made for; for the reader.
        output: What the network returns; ``auto`` refuses logits that look like probabilities.
        exclusive: Classes exclude each other (softmax); false: one sigmoid each.
        axes: Order of the network's axes in those of the prepared image.
        orientation: Of volumes; the same as in ``preprocessing``.
        spacing_mm: The same as in ``preprocessing``.
        window: Largest piece of an image at a time, in the prepared image's axes.
        multiple: What sides must be multiples of.
        overlap: Of windows in prediction; an audit's windows touch.
        preprocessing: Keys of a plan; see `segscope.preprocessing.Plan`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_names: dict[int, str] | None = None
    labels: dict[str, int] | None = None
    file_ending: str | None = None
    output: Output = "auto"
    exclusive: bool = True
    axes: Axes = "xyz"
    orientation: Literal["RAS"] | None = None
    spacing_mm: tuple[float, ...] | None = None
    window: tuple[int, ...] | None = None
    multiple: tuple[int, ...] | None = None
    overlap: float | None = Field(default=None, ge=0, lt=1)
    preprocessing: dict[str, Any] = {}

    @model_validator(mode="after")
    def _channels_are_numbered(self) -> "PrepareFile":
        named = self.channel_names
        if named is not None and sorted(named) != list(range(len(named))):
            raise ValueError(f"channel_names must be numbered 0, 1, ..., got {sorted(named)}")
        for key in ("window", "multiple"):
            sides = getattr(self, key)
            if sides is not None and (not sides or min(sides) < 1):
                raise ValueError(f"{key} must be positive numbers, one per axis, got {sides}")
        return self

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the channels in their order, where they are said."""
        if self.channel_names is not None:
            return tuple(name for _, name in sorted(self.channel_names.items()))
        channels = self.preprocessing.get("channels")
        if not isinstance(channels, list | tuple):
            return None
        return tuple(str(c.get("name")) if isinstance(c, dict) else "" for c in channels)

    def plan(self, where: str, names: tuple[str, ...], image_dims: int, net_dims: int) -> Plan:
        """Make the plan that the file says; values of channels that it does not name stay.

        Args:
            where: Named in messages.
            names: Of the channels.
            image_dims: 2 for plane images, 3 for volumes.
            net_dims: Of the network.

        Raises:
            InputError: The keys make no plan, or one of other channels; each fault by its key.
        """
        top = {key: getattr(self, key) for key in ("orientation", "spacing_mm")}
        values: dict[str, Any] = {
            "image_dims": image_dims,
            "spatial_dims": net_dims,
            "channels": [{"name": name, "scheme": "none"} for name in names],
            **{key: value for key, value in top.items() if value is not None},
            **self.preprocessing,
        }
        if values["spatial_dims"] != net_dims:
            raise InputError(
                f"{where}: preprocessing.spatial_dims: the network is {net_dims}D, got "
                f"{values['spatial_dims']}; leave it out"
            )
        if net_dims < values["image_dims"] and values.get("slice_axis") is None:
            raise InputError(
                f"{where}: a {net_dims}D network is shown slices of volumes; say along which "
                "axis, in a file with preprocessing: {slice_axis: 2}"
            )
        try:
            plan = Plan.model_validate(values)
        except ValidationError as error:
            faults = [
                f"preprocessing.{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
                for fault in error.errors()
            ]
            raise InputError(f"{where}: is not usable:", faults) from None
        if len(plan.channels) != len(names):
            raise InputError(
                f"{where}: preprocessing has {len(plan.channels)} channels, expected are "
                f"{len(names)}: {', '.join(names)}"
            )
        return plan

    def check_sides(self, where: str, dims: int) -> None:
        """Refuse a window or multiple of other dimensions than the network's.

        Raises:
            InputError: As said.
        """
        for key in ("window", "multiple"):
            sides = getattr(self, key)
            if sides is not None and len(sides) != dims:
                raise InputError(f"{where}: {key}: {dims} positive numbers, got {sides}")


def read_prepare_file(file: Path) -> PrepareFile:
    """Read a file for ``--prepare``; JSON is YAML, and a run's ``recipe.yaml`` serves too.

    Raises:
        InputError: Not there, not YAML, or with unknown keys; all faults at once.
    """
    if not file.is_file():
        raise InputError(f"--prepare {file}: neither asis nor segscope, and no such file")
    try:
        values = yaml.safe_load(read_verified(file).decode("utf-8-sig"))
        if isinstance(values, dict) and "network" in values:  # the recipe of a run
            values = {"preprocessing": values.get("preprocessing"), "window": values.get("patch")}
        return PrepareFile.model_validate(values)
    except ValidationError as error:
        faults = faults_of(error, "the file")
        raise InputError(f"--prepare {file}: is not usable:", faults) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"--prepare {file}: is not YAML ({error})".replace("\n", " ")) from None


def beside(model: Path) -> Path | None:
    """The file of this name in a model's folder, or beside it; None where there is none."""
    folders = (model, model.parent) if model.is_dir() else (model.parent,)
    return next((f / name for f in folders for name in NAMES if (f / name).is_file()), None)
