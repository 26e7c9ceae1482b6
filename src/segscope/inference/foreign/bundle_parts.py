"""Parts of a MONAI bundle: of each a known class of MONAI, with arguments that are values."""

import importlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segscope.errors import InputError
from segscope.inference.foreign.bundle_config import BundleConfig
from segscope.networks import NETWORKS

_NETWORKS = (
    "UNet", "BasicUNet", "DynUNet", "SegResNet", "SegResNetDS", "AttentionUnet", "UNETR",
    "SwinUNETR", "VNet", "HighResNet", "BasicUNetPlusPlus", "FlexibleUNet",
)  # fmt: skip
_OURS = "segscope.networks."
_DROPPED = {"SwinUNETR": ("img_size",)}  # of older releases
_NEVER = {"FlexibleUNet": {"pretrained": False}, "SwinUNETR": {"use_checkpoint": False}}
"""What weights make needless, and would be fetched."""

READERS = ("LoadImaged", "EnsureChannelFirstd")
"""Done by our own readers."""
TRANSFORMS = (
    "EnsureTyped", "Orientationd", "Spacingd", "ScaleIntensityRanged",
    "ScaleIntensityRangePercentilesd", "ScaleIntensityd", "NormalizeIntensityd", "CropForegroundd",
    "SpatialPadd", "DivisiblePadd", "CastToTyped",
)  # fmt: skip
POST = (
    "Activationsd", "AsDiscreted", "Invertd", "KeepLargestConnectedComponentd", "FillHolesd",
    "RemoveSmallObjectsd", "EnsureTyped",
)  # fmt: skip
WRITERS = ("SaveImaged", "SelectItemsd")
"""Done by our own writers."""
_INFERERS = ("SlidingWindowInferer", "SimpleInferer", "SliceInferer")
_WHERE = ("device", "sw_device", "progress", "cache_roi_weight_map")
"""Arguments that say where and how something runs, not what comes out."""
_CODE = ("other", "select_fn", "post_func", "kwargs", "args", "pad_kwargs", "meta_keys",
         "orig_meta_keys")  # fmt: skip
_AXES = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclass(frozen=True)
class Part:
    """A component: its class's name, and the place in the file for messages."""

    name: str
    values: Mapping[str, Any]
    place: str


def part_of(config: BundleConfig, value: Any, place: str) -> Part:
    """Read a component's class name: MONAI's own, by its last part.

    Raises:
        InputError: It is no component, or one of another package than MONAI.
    """
    target = value.get("_target_") if isinstance(value, Mapping) else None
    if not isinstance(target, str) or not isinstance(value, Mapping):
        raise InputError(f"{config.file}: {place}: a component with _target_ is expected")
    owner, _, name = target.rpartition(".")
    ours = target.startswith(_OURS) and name in _own_classes()
    if owner and not ours and not owner.startswith("monai"):
        raise InputError(
            f"{config.file}: {place}: _target_ {target!r} is not of MONAI, and never imported"
        )
    for key in ("_requires_", "_mode_"):
        if value.get(key) not in (None, "default"):
            raise InputError(f"{config.file}: {place}: {key} is not read; only plain parts are")
    return Part(target if ours else name, value, place)


def parts_of(config: BundleConfig, key: str) -> list[Part]:
    """The transforms under a key, a ``Compose`` or a list; those that are disabled left out.

    Raises:
        InputError: As of `part_of`.
    """
    found = config.raw(key)
    if isinstance(found, Mapping):
        whole = part_of(config, found, key)
        if whole.name != "Compose":
            raise InputError(f"{config.file}: {key}: a Compose is expected, got {whole.name}")
        found = found.get("transforms", [])
        found = config.followed(found, f"{key}#transforms")
    if not isinstance(found, list):
        raise InputError(f"{config.file}: {key}: a list of transforms is expected")
    parts = []
    for number, one in enumerate(found):
        place = f"{key}#transforms#{number}"
        one = config.followed(one, place)
        if isinstance(one, Mapping) and config.plain(one.get("_disabled_", False), place) is True:
            continue
        parts.append(part_of(config, one, place))
    return parts


def make_network(config: BundleConfig, part: Part) -> nn.Module:
    """Build a network of MONAI, or of segscope, with weights that are to be replaced.

    Raises:
        InputError: Another class; arguments that are no values, or that it does not take.
    """
    if part.name.startswith(_OURS):
        make: Any = _own_classes()[part.name.removeprefix(_OURS)]
        given = _arguments(config, part, None)
        return _called(config, part, make, given)
    if part.name not in _NETWORKS:
        raise InputError(
            f"{config.file}: {part.place}: _target_ {part.name!r} is not one of the networks that "
            f"are opened: {', '.join(_NETWORKS)}"
        )
    make = getattr(importlib.import_module("monai.networks.nets"), part.name)
    dropped = _DROPPED.get(part.name, ())
    given = {k: v for k, v in _arguments(config, part, make, dropped).items() if k not in dropped}
    given |= {k: v for k, v in _NEVER.get(part.name, {}).items() if k in given}
    with torch.random.fork_rng(devices=[]):
        return _called(config, part, make, given)


def make_transform(config: BundleConfig, part: Part, allowed: Sequence[str], **changed: Any) -> Any:
    """Build a transform; ``changed`` arguments take the place of the file's.

    Raises:
        InputError: Not one of ``allowed``; arguments that are no values, or that it does not take.
    """
    if part.name not in allowed:
        raise InputError(
            f"{config.file}: {part.place}: _target_ {part.name!r} is not one of the transforms "
            f"that are done here: {', '.join(allowed)}"
        )
    make: Any = getattr(importlib.import_module("monai.transforms"), part.name)
    given = _arguments(config, part, make) | changed
    if "labels" in inspect.signature(make.__init__).parameters and part.name == "Orientationd":
        given.setdefault("labels", _AXES)
    return _called(config, part, make, given)


def make_inferer(config: BundleConfig, part: Part, **changed: Any) -> Any:
    """Build an inferer; ``changed`` arguments take the place of the file's.

    Raises:
        InputError: As of `make_transform`.
    """
    if part.name not in _INFERERS:
        raise InputError(
            f"{config.file}: {part.place}: _target_ {part.name!r} is not one of the inferers that "
            f"are known here: {', '.join(_INFERERS)}"
        )
    inferers: Any = importlib.import_module("monai.inferers")
    make = getattr(inferers, part.name)
    known = inferers.SlidingWindowInferer if part.name == "SliceInferer" else make
    extra = ("spatial_dim",) if part.name == "SliceInferer" else ()
    return _called(config, part, make, _arguments(config, part, known, extra) | changed)


def values_of(config: BundleConfig, part: Part) -> dict[str, Any]:
    """Arguments of a part as values, without those that say where it runs."""
    return {
        key: config.plain(value, f"{part.place}#{key}")
        for key, value in part.values.items()
        if not key.startswith("_") and key not in (*_WHERE, "transform")
    }


def _arguments(
    config: BundleConfig, part: Part, make: Any, extra: Sequence[str] = ()
) -> dict[str, Any]:
    given = values_of(config, part)
    known = given if make is None else inspect.signature(make.__init__).parameters
    for key in given:
        if (key not in known and key not in extra) or key in _CODE:
            raise InputError(
                f"{config.file}: {part.place}#{key}: {part.name} has no such argument, or one that "
                "is code; only values are read"
            )
    return given


def _called(config: BundleConfig, part: Part, make: Any, given: Mapping[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():  # on how MONAI's own arguments will change
            warnings.simplefilter("ignore")
            return make(**given)
    except Exception as error:  # classes refuse arguments by any kind of error
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"{config.file}: {part.place}: {part.name} does not take these arguments ({said})"
        ) from None


def _own_classes() -> dict[str, Any]:
    return {network.__name__: network for network in NETWORKS.values()}
