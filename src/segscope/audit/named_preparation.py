"""How the images of somebody else's network are prepared: said by name, never guessed.

    asis        values and axes as the files have them
    segscope    as a training by segscope on this dataset would be planned
    FILE.yaml   what the file says, and nothing beside it

A network that is shown images in another form than it was trained on answers all the same, and
every number of its audit is wrong. So the name is asked for, said aloud, and kept with the result.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from segscope.audit.cases import Axes
from segscope.audit.subject import Output, Preparation
from segscope.data import Dataset, is_plane, measure_fingerprint, read_verified
from segscope.data.json_files import faults_of
from segscope.errors import InputError
from segscope.preprocessing import Plan, describe_plan
from segscope.training import plan_recipe

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

_MULTIPLE = 32
_DIMS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


class PrepareFile(BaseModel):
    """What a model does not say of itself.

    Args:
        channel_names: Number to name; must be as many as the dataset's.
        labels: Name to value; must be the dataset's, as its truth is compared.
        file_ending: Of the images it was made for; for the reader.
        output: What the network returns; ``auto`` refuses logits that look like probabilities.
        exclusive: Classes exclude each other (softmax); others cannot be audited.
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
    overlap: float | None = None
    preprocessing: dict[str, Any] = {}


@dataclass(frozen=True)
class Named:
    """A preparation with its name.

    Args:
        name: ``asis``, ``segscope`` or the file.
        preparation: For the audit.
        output: What the network returns.
    """

    name: str
    preparation: Preparation
    output: Output

    @property
    def plan(self) -> Plan:
        """The preparation's, which is always one of ours."""
        assert isinstance(self.preparation.plan, Plan)  # a name stands for one
        return self.preparation.plan

    def sentences(self) -> tuple[str, ...]:
        """Say what is done to an image."""
        known = self.preparation
        turned = ("network's axes: those of the image in reverse (z, y, x)",)
        sides = " x ".join(str(n) for n in known.multiple or ())
        padded = (f"sides padded to multiples of {sides} by their edge",) if sides else ()
        pieces = () if known.patch is None else (f"pieces of at most {known.patch}",)
        read = "logits" if self.output == "auto" else self.output
        return (
            *describe_plan(self.plan), *(turned if known.axes == "zyx" else ()), *pieces, *padded,
            f"output read as {read}",
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What is kept with the result, as plain values."""
        known = self.preparation
        return {
            "name": self.name,
            "plan": self.plan.model_dump(mode="json"),
            "axes": known.axes,
            "window": known.patch,
            "multiple": known.multiple,
            "output": self.output,
            "in_words": list(self.sentences()),
        }


def name_preparation(
    wanted: str | None, dataset: Dataset, net: nn.Module, *, probabilities: bool
) -> Named:
    """Make the preparation that a user names.

    Args:
        wanted: ``asis``, ``segscope``, a YAML file, or None.
        dataset: Whose cases are audited.
        net: Tells its dimensions.
        probabilities: The network returns probabilities.

    Raises:
        InputError: None is named; the file is not usable, or does not fit the dataset.
    """
    if wanted is None:
        raise InputError(
            "--model: nothing says how this network wants its images, and another preparation "
            "than its own makes every number wrong; say one of",
            [
                "--prepare asis        values and axes as the files have them",
                "--prepare segscope    as a training by segscope on this dataset would",
                "--prepare FILE.yaml   what the file says, for example:",
                *(f"    {line}" for line in EXAMPLE.splitlines()),
            ],
        )
    if wanted == "segscope":
        planned = plan_recipe(measure_fingerprint(dataset), {})
        plan = planned.preprocessing
        found = Preparation(
            plan, dataset.labels, len(dataset.channel_names), None, _steps(plan.spatial_dims)
        )
        return Named("segscope", found, "probabilities" if probabilities else "auto")
    said = PrepareFile() if wanted == "asis" else read_prepare_file(Path(wanted))
    _check_fits(wanted, said, dataset)
    plan = _plan(wanted, said, dataset, net)
    dims = plan.spatial_dims
    for key in ("window", "multiple"):
        sides = getattr(said, key)
        if sides is not None and (len(sides) != dims or min(sides) < 1):
            raise InputError(f"--prepare {wanted}: {key}: {dims} positive numbers, got {sides}")
    found = Preparation(
        plan,
        dataset.labels,
        len(dataset.channel_names),
        said.window,
        said.multiple or _steps(dims),
        said.axes,
    )
    output: Output = "probabilities" if probabilities else said.output
    return Named(wanted, found, output)


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


def _steps(dims: int) -> tuple[int, ...]:
    return (_MULTIPLE,) * dims


def _check_fits(wanted: str, said: PrepareFile, dataset: Dataset) -> None:
    where = f"--prepare {wanted}"
    if not said.exclusive:
        raise InputError(
            f"{where}: exclusive: false (a sigmoid per class) cannot be audited; an audit's "
            "guides are classes of which a voxel has one"
        )
    if said.labels is not None and said.labels != dataset.labels:
        raise InputError(
            f"{where}: labels {said.labels} where {dataset.folder} has {dataset.labels}; truth "
            "and output must mean the same"
        )
    named = said.channel_names
    if named is not None and sorted(named) != list(range(len(dataset.channel_names))):
        raise InputError(
            f"{where}: channel_names {named} where {dataset.folder} has the channels "
            f"{', '.join(dataset.channel_names)}"
        )
    if said.overlap:
        raise InputError(f"{where}: overlap {said.overlap}: an audit's windows touch; leave it out")


def _plan(wanted: str, said: PrepareFile, dataset: Dataset, net: nn.Module) -> Plan:
    image_dims = 2 if is_plane(dataset.file_ending) else 3
    net_dims = next((d for m in net.modules() for kind, d in _DIMS.items() if isinstance(m, kind)),
                    image_dims)  # fmt: skip
    names = dataset.channel_names
    top = {key: getattr(said, key) for key in ("orientation", "spacing_mm")}
    values: dict[str, Any] = {
        "image_dims": image_dims,
        "spatial_dims": net_dims,
        "channels": [{"name": name, "scheme": "none"} for name in names],
        **{key: value for key, value in top.items() if value is not None},
        **said.preprocessing,
    }
    if values["spatial_dims"] < image_dims and values.get("slice_axis") is None:
        raise InputError(
            f"--prepare {wanted}: a {values['spatial_dims']}D network is shown slices of volumes; "
            "say along which axis, in a file with preprocessing: {slice_axis: 2}"
        )
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        faults = [
            f"preprocessing.{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise InputError(f"--prepare {wanted}: is not usable:", faults) from None
    if len(plan.channels) != len(names):
        raise InputError(
            f"--prepare {wanted}: preprocessing has {len(plan.channels)} channels, "
            f"{dataset.folder} has {', '.join(names)}"
        )
    return plan
