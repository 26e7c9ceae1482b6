"""What ``plans.json`` and ``dataset.json`` of an nnU-Net v2 results folder say, checked.

Both are data: names of classes and functions in them are looked up in literal tables, elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from segscope.data.json_files import as_typed, read_typed
from segscope.errors import InputError

PLANS, DATASET = "plans.json", "dataset.json"
PREPROCESSORS = ("DefaultPreprocessor",)
BACKGROUND, IGNORE = "background", "ignore"
_MOST_LABELS = 1 << 15


class Intensities(BaseModel):
    """Of one channel, over the foreground of all training cases."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    mean: float
    std: float
    percentile_00_5: float
    percentile_99_5: float


class Configuration(BaseModel):
    """One of the plans' configurations, inheritance resolved."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    spacing: tuple[float, ...] = Field(min_length=2, max_length=3)
    patch_size: tuple[int, ...] = Field(min_length=2, max_length=3)
    normalization_schemes: tuple[str, ...]
    use_mask_for_norm: tuple[bool, ...]
    preprocessor_name: str = "DefaultPreprocessor"
    resampling_fn_data: str
    resampling_fn_data_kwargs: dict[str, Any] = {}
    resampling_fn_probabilities: str
    resampling_fn_probabilities_kwargs: dict[str, Any] = {}
    previous_stage: str | None = None
    architecture: dict[str, Any] | None = None


class _Plans(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    image_reader_writer: str
    transpose_forward: tuple[int, int, int]
    transpose_backward: tuple[int, int, int]
    configurations: dict[str, dict[str, Any]]
    foreground_intensity_properties_per_channel: dict[int, Intensities] | None = None
    foreground_intensity_properties_by_modality: dict[int, Intensities] | None = None


class _Dataset(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    channel_names: dict[int, str] | None = None
    modality: dict[int, str] | None = None
    labels: dict[str, int | list[int]]
    regions_class_order: list[int] | None = None
    file_ending: str


@dataclass(frozen=True)
class Described:
    """What an nnU-Net folder says of itself.

    Args:
        reader: Name of nnU-Net's reader, which decides the order of axes.
        transpose: Axes of the array that are the network's.
        configuration: The one that was trained.
        name: Of the configuration.
        intensities: By channel; CT is normalised by them.
        channel_names: In order.
        labels: Name to value in label maps; of regions the value that each is written as.
        regions: Name to the labels of a region; empty where labels exclude each other.
        ignore: Value of the ignore label, which has no output; None where there is none.
        file_ending: Of its dataset.
    """

    reader: str
    transpose: tuple[int, ...]
    configuration: Configuration
    name: str
    intensities: Mapping[int, Intensities]
    channel_names: tuple[str, ...]
    labels: Mapping[str, int]
    regions: Mapping[str, tuple[int, ...]]
    ignore: int | None
    file_ending: str

    @property
    def heads(self) -> int:
        """Channels of the network's output."""
        return len(self.regions) or len(self.labels)


def read_description(folder: Path, configuration: str) -> Described:
    """Read both files.

    Args:
        folder: With ``plans.json`` and ``dataset.json``.
        configuration: Name of the one that was trained.

    Raises:
        InputError: Damaged, of another form, contradicting each other, or a cascade.
    """
    plans_file, dataset_file = folder / PLANS, folder / DATASET
    plans = read_typed(plans_file, _Plans, what="plans of nnU-Net v2")
    said = read_typed(dataset_file, _Dataset, what="a dataset.json of nnU-Net v2")
    forward, backward = plans.transpose_forward, plans.transpose_backward
    if sorted(forward) != [0, 1, 2] or [forward[k] for k in backward] != [0, 1, 2]:
        raise InputError(f"{plans_file}: transpose_forward {forward} and transpose_backward "
                         f"{backward} are not inverse orders of 3 axes; copy it again")  # fmt: skip
    found = _resolved(plans_file, plans.configurations, configuration)
    names = _in_order(dataset_file, said.channel_names or said.modality or {})
    _check(plans_file, found, configuration, len(names))
    regions = _regions(dataset_file, said)
    measured = (
        plans.foreground_intensity_properties_per_channel
        or plans.foreground_intensity_properties_by_modality
        or {}
    )
    missing = [
        k for k, scheme in enumerate(found.normalization_schemes)
        if scheme == "CTNormalization" and k not in measured
    ]  # fmt: skip
    if missing:
        raise InputError(f"{plans_file}: has no foreground intensities of channel {missing[0]}, "
                         "which CTNormalization needs; copy it again")  # fmt: skip
    return Described(
        reader=plans.image_reader_writer,
        transpose=forward,
        configuration=found,
        name=configuration,
        intensities=measured,
        channel_names=names,
        labels=_labels(dataset_file, said, regions),
        regions=regions,
        ignore=_ignore(dataset_file, said),
        file_ending=said.file_ending,
    )


def _resolved(file: Path, known: Mapping[str, dict[str, Any]], name: str) -> Configuration:
    """Merge a configuration into those that it inherits from."""
    chain: list[str] = []
    while name not in chain:
        if name not in known:
            raise InputError(f"{file}: has no configuration {name} (there are {', '.join(known)}); "
                             "copy the plans that the checkpoint was trained with")  # fmt: skip
        chain.append(name)
        parent = known[name].get("inherits_from")
        if parent is None:
            merged: dict[str, Any] = {}
            for one in reversed(chain):
                merged |= known[one]
            what = f"configuration {chain[0]} of nnU-Net v2"
            return as_typed(file, merged, Configuration, what=what)
        name = str(parent)
    raise InputError(f"{file}: configurations inherit from each other in a circle "
                     f"({' from '.join([*chain, name])}); mend it")  # fmt: skip


def _check(file: Path, found: Configuration, name: str, channels: int) -> None:
    if found.previous_stage is not None:
        raise InputError(
            f"{file}: configuration {name} is the second stage of a cascade (previous_stage "
            f"{found.previous_stage}), which segscope does not predict; name the folder of "
            "another configuration, such as 3d_fullres"
        )
    if found.preprocessor_name not in PREPROCESSORS:
        raise InputError(f"{file}: preprocessor_name {found.preprocessor_name} is not known; "
                         f"{', '.join(PREPROCESSORS)} is")  # fmt: skip
    if len(found.spacing) != len(found.patch_size) or min(found.patch_size) < 1:
        raise InputError(f"{file}: patch_size {found.patch_size} and spacing {found.spacing} do "
                         "not fit each other; copy it again")  # fmt: skip
    if min(found.spacing) <= 0:
        raise InputError(f"{file}: spacing {found.spacing} must be above 0; copy it again")
    counts = {len(found.normalization_schemes), len(found.use_mask_for_norm), channels}
    if len(counts) > 1:
        raise InputError(
            f"{file}: normalises {len(found.normalization_schemes)} channels, dataset.json names "
            f"{channels}; copy both from one training"
        )


def _in_order(file: Path, names: Mapping[int, str]) -> tuple[str, ...]:
    if not names or sorted(names) != list(range(len(names))):
        raise InputError(f"{file}: channel_names must be numbered 0, 1, ..., got {dict(names)}; "
                         "copy it again")  # fmt: skip
    return tuple(names[k] for k in range(len(names)))


def _regions(file: Path, said: _Dataset) -> dict[str, tuple[int, ...]]:
    """Regions but the background, in order; none where no label is a list of several."""
    if not any(isinstance(value, list) and len(value) > 1 for value in said.labels.values()):
        return {}
    regions = {
        name: tuple(value) if isinstance(value, list) else (value,)
        for name, value in said.labels.items()
        if name != IGNORE
    }
    regions = {name: labels for name, labels in regions.items() if set(labels) != {0}}
    order = said.regions_class_order
    if order is None or len(order) != len(regions):
        raise InputError(f"{file}: has {len(regions)} regions and regions_class_order {order}, "
                         "which must name a label for each; copy it again")  # fmt: skip
    return regions


def _labels(file: Path, said: _Dataset, regions: Mapping[str, Sequence[int]]) -> dict[str, int]:
    if regions:
        written = dict(zip(regions, said.regions_class_order or (), strict=True))
        wrong = [value for value in written.values() if not 0 < value < _MOST_LABELS]
        if wrong:
            raise InputError(f"{file}: regions_class_order names {wrong[0]}; copy it again")
        return {BACKGROUND: 0, **written}
    labels = {
        name: value[0] if isinstance(value, list) else value
        for name, value in said.labels.items()
        if name != IGNORE and value != []
    }
    if labels.get(BACKGROUND) != 0 or sorted(labels.values()) != list(range(len(labels))):
        raise InputError(f"{file}: labels must be background 0 and the numbers after it, each "
                         f"once, got {labels}; copy it again")  # fmt: skip
    return labels


def _ignore(file: Path, said: _Dataset) -> int | None:
    value = said.labels.get(IGNORE)
    if value is None:
        return None
    parts = [part for name, v in said.labels.items() if name != IGNORE
             for part in (v if isinstance(v, list) else [v])]  # fmt: skip
    if isinstance(value, list) or value != max(parts) + 1:
        raise InputError(f"{file}: the ignore label must be the highest, {max(parts) + 1}, got "
                         f"{value}; copy it again")  # fmt: skip
    return value
