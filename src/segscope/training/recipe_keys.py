"""Every key of a recipe: its type, its default and what it means; presets, a sentence each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from segscope.preprocessing import ChannelPlan
from segscope.training.recipe import Recipe, nearest_key, preset_names

_ENTRY = re.compile(r"^ {8}(\w+): (.*?)(?=^ {8}\w+: |^\S|^ {4}\w+:|\Z)", re.M | re.S)
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "at least"}
PLANNED = frozenset({
    "patch", "preprocessing.image_dims", "preprocessing.spatial_dims", "preprocessing.slice_axis",
    "preprocessing.orientation", "preprocessing.spacing_mm", "preprocessing.resize",
    "preprocessing.crop", "preprocessing.frame", "preprocessing.channels", "network.widths",
    "network.strides",
    "train.batch_size", "augment.mirror_axes", "augment.voxel_mm", "augment.mask_channels",
    "mask.image_channels",
})  # fmt: skip
"""Keys whose values are planned from the dataset and the machine."""
FIXED: Mapping[str, Any] = {
    "network.name": "unet", "network.norm": "instance", "train.epochs": 200,
    "train.steps_per_epoch": 50,
}  # fmt: skip
"""Keys to which the planner gives one value, whatever the dataset is."""
MEANINGS: Mapping[str, str] = {
    "format": "Of this file.",
    "preset": "The preset that was asked for; for the reader, decides nothing.",
    "inputs": "What the network is shown: the image, a global binary mask (gbm), or both.",
    "patch": "Size of a training sample in prepared voxels, one number per network axis.",
    "packages": "Installed packages that things named here are of; noted when a run is planned.",
    "network.name": "Of the network, such as unet, anunet or one of an installed package.",
    "network.widths": "Channels per level, from full resolution down.",
    "network.norm": "Between convolution and activation.",
    "network.strides": "Steps between levels, one list per step, one number per axis.",
    "network.output": "softmax over all labels, or sigmoid for one label.",
    "network.options": "Go to the network's constructor as they are.",
    "loss.name": "Of the loss, such as dice_ce, hybrid, content or one of an installed package.",
    "loss.deep_supervision": "Sum the loss over all heads of the network, not the last alone.",
    "loss.head_weights": "Weight of each head, shallowest first; equal where not given.",
    "loss.options": "Go to the loss as they are.",
    "loss.plus": "Other losses that are added, name to weight.",
    "loss.minmax": "Learning rate at which a content loss's features are trained against the "
    "network; 0: they stay as they are.",
    "loss.prototype": "Weight of the online loss on layers' features; 0: there is none.",
    "loss.prototype_layers": "Layers of that loss by name, or auto.",
    "loss.prototype_detach_guide": "Whether that loss leaves its guide without a gradient.",
    "loss.soft_labels": "Taken off the truth's 1 and given to its 0; 0: labels are hard.",
    "train.epochs": "Training ends after so many, or after max_minutes.",
    "train.steps_per_epoch": "Batches of an epoch.",
    "train.batch_size": "Samples of a step.",
    "train.max_minutes": "Of the whole command, from reading to the final evaluation, which gets "
    "up to a third of it.",
    "train.optimizer": "AdamW, or SGD with Nesterov momentum 0.99.",
    "train.learning_rate": "At its highest.",
    "train.weight_decay": "Of weights; biases and norms do not decay.",
    "train.warmup_steps": "Over which the learning rate rises to its highest.",
    "train.schedule": "How the learning rate falls to its end.",
    "train.gradient_clip": "Largest norm of a step's gradient.",
    "train.validate_every": "Epochs between validations.",
    "train.patience": "Epochs without a better validation Dice before it ends; 0: never early.",
    "train.snapshots": "Epochs, from 1, whose weights are kept beside best and last.",
    "train.foreground_share": "Share of samples that are centred on a labelled voxel.",
    "train.seed": "Of weights, folds and samples.",
    "train.workers": "Processes that prepare samples; their number changes no result.",
    "train.device": "auto, cpu, cuda, cuda:1 or mps.",
    "train.devices": "GPUs that train together.",
    "train.precision": "Of numbers in the network.",
    "train.compile": "Whether the network is compiled; auto: on CUDA where that is possible.",
    "train.deterministic": "Refuse operations that have no deterministic form.",
    "preprocessing.ct_window": "Limits of CT channels; planned as 0.5 and 99.5 percentiles of the "
    "foreground. Only planned with: a run's recipe has it in its channels.",
    "preprocessing.scheme": "How every channel is normalised: zscore, own_range, rgb, maximum, "
    "none or window. Only planned with, like ct_window.",
    "augment.elastic_voxels": "Standard deviation of elastic displacements, in voxels.",
    "augment.noise_sd": "Largest deviation of the noise, in normalised units.",
    "augment.blur_sd": "Largest width of the smoothing, in voxels.",
    "augment.brightness": "How far the factor of the brightness is from 1.",
    "augment.contrast": "How far the factor of the contrast is from 1.",
    "augment.gamma": "Smallest and largest exponent.",
    "augment.low_resolution": "Smallest share of voxels a side.",
    "augment.preset": "none, mild or strong; fills in what is not given.",
}


@dataclass(frozen=True)
class Key:
    """One key of a recipe.

    Args:
        path: As ``--set`` takes it.
        kind: Its type, in words.
        default: What stands where nothing is asked for.
        meaning: What it does.
    """

    path: str
    kind: str
    default: str
    meaning: str


def recipe_keys(word: str = "") -> tuple[Key, ...]:
    """List keys, those whose name or meaning holds a word.

    Raises:
        InputError: None does; the nearest is named.

    Example:
        >>> [key.path for key in recipe_keys("foreground_share")]
        ['train.foreground_share']
    """
    found = tuple(
        key
        for key in _keys(Recipe, "")
        if word.lower() in key.path or word.lower() in key.meaning.lower()
    )
    if not found:
        raise nearest_key(word, [key.path for key in _keys(Recipe, "")])
    return found


def presets() -> dict[str, str]:
    """Name presets, with the first sentence of each.

    Example:
        >>> presets()["default"]
        "Everything is planned from the dataset's fingerprint."
    """
    return {name: _sentence(preset_text(name)) for name in preset_names()}


def preset_text(name: str) -> str:
    """A preset as it is written.

    Raises:
        InputError: There is none of this name.
    """
    if name not in preset_names():
        raise nearest_key(name, preset_names(), what="preset")
    return (resources.files("segscope.training") / "presets" / f"{name}.yaml").read_text("utf-8")


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a whole or partial recipe, with every key's meaning, for editors."""
    schema = Recipe.model_json_schema()
    parts = {"": schema}
    for name, field in Recipe.model_fields.items():
        if (model := _section_of(field)) is not None:
            parts[f"{name}."] = schema["$defs"][model.__name__]
    for key in _keys(Recipe, ""):
        section, _, name = key.path.rpartition(".")
        known = parts[f"{section}." if section else ""]["properties"].setdefault(name, {})
        known.setdefault("description", key.meaning)
    for part in parts.values():
        part.pop("required", None)  # what is left out is planned
    parts["network."]["properties"]["output"]["enum"].append("auto")  # planned by the labels
    sides = parts[""]["properties"]["patch"]
    sides["anyOf"] = [{"type": "integer"}, {"type": sides.pop("type"), "items": sides.pop("items")}]
    return schema


def _keys(model: type[BaseModel], before: str) -> Iterator[Key]:
    said = _said_in(model)
    for name, field in model.model_fields.items():
        path = f"{before}{name}"
        section = _section_of(field)
        if section is not None:
            yield from _keys(section, f"{path}.")
            continue
        meaning = MEANINGS.get(path) or said.get(name, "")
        yield Key(path, _kind_of(field), _default_of(path, field), meaning)
    for path in ("preprocessing.ct_window", "preprocessing.scheme", "augment.preset"):
        if path.rpartition(".")[0] == before.rstrip("."):
            kind = "[float, float]" if path.endswith("window") else "str"
            yield Key(path, kind, "-", MEANINGS[path])


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not ChannelPlan:
            return kind
    return None


def _said_in(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of its fields."""
    text = re.sub(r"^ {4}(?=\w)", "\0", "    " + (model.__doc__ or ""), flags=re.M)
    return {
        name: " ".join(said.split("\0")[0].replace("``", "").split())
        for name, said in _ENTRY.findall(text)
    }


def _default_of(path: str, field: FieldInfo) -> str:
    if path in PLANNED:
        return "planned"
    value = FIXED.get(path, field.get_default(call_default_factory=True))
    if field.is_required() and path not in FIXED:
        return "needed"
    return "null" if value is None else str(list(value) if isinstance(value, tuple) else value)


def _kind_of(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in _BOUNDS.items()
        if getattr(rule, name, None) is not None
    ]
    return " ".join([_words(field.annotation), *bounds])


def _words(kind: Any) -> str:
    """A type in words.

    Example:
        >>> _words(tuple[int, ...]), _words(float | None), _words(Literal["a", "b"])
        ('[int, ...]', 'float or null', 'a | b')
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(str(value) for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner)
    if origin is tuple:
        return f"[{', '.join('...' if one is Ellipsis else _words(one) for one in inner)}]"
    if origin is dict:
        return f"{{{_words(inner[0])}: {_words(inner[1])}}}"
    if origin is not None and inner:  # an annotated one
        return _words(inner[0])
    if kind is NoneType:
        return "null"
    return "any" if kind is Any else kind.__name__


def _sentence(text: str) -> str:
    lines = [line.lstrip("# ").rstrip() for line in text.splitlines() if line.startswith("#")]
    return re.split(r"(?<=\.)\s", " ".join(lines), maxsplit=1)[0]
