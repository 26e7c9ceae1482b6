"""How the images of somebody else's network are prepared: said by name, never guessed.

    asis        values and axes as the files have them
    segscope    as a training by segscope on this dataset would be planned
    FILE.yaml   what the file says, and nothing beside it

A network that is shown images in another form than it was trained on answers all the same, and
every number of its audit is wrong. So the name is asked for, said aloud, and kept with the result.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from segscope.audit.subject import Preparation
from segscope.data import Dataset, is_plane, measure_fingerprint
from segscope.errors import InputError
from segscope.inference.prepare_file import EXAMPLE, Output, PrepareFile, read_prepare_file
from segscope.preprocessing import Plan, describe_plan
from segscope.training import plan_recipe

_MULTIPLE = 32
_DIMS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


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
    said.check_sides(f"--prepare {wanted}", dims)
    found = Preparation(
        plan,
        dataset.labels,
        len(dataset.channel_names),
        said.window,
        said.multiple or _steps(dims),
        axes=said.axes,
    )
    output: Output = "probabilities" if probabilities else said.output
    return Named(wanted, found, output)


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
    return said.plan(f"--prepare {wanted}", dataset.channel_names, image_dims, net_dims)
