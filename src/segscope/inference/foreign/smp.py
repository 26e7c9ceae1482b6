"""A folder that ``save_pretrained`` of segmentation_models_pytorch writes."""

import importlib
import importlib.util
import inspect
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segscope.data import sha256_of
from segscope.data.json_files import read_json
from segscope.errors import InputError
from segscope.inference.foreign.asked import Body, trained
from segscope.inference.foreign.config_json import has_keys
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel
from segscope.inference.weights import load_into

CLASSES = (
    "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "PAN", "DeepLabV3",
    "DeepLabV3Plus", "UPerNet", "Segformer", "DPT",
)  # fmt: skip
_PROBABILITIES = ("sigmoid", "softmax", "softmax2d", "logsoftmax", "tanh")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PACKAGE = "segmentation_models_pytorch"


def is_smp(path: Path) -> bool:
    """Whether a folder holds such a model, by its files."""
    return has_keys(path, "_model_class")


def read_smp(path: Path) -> Body:
    """Build the network of a folder and give it its weights.

    Raises:
        InputError: Another class than the library's; arguments that it does not take; weights
            that are missing, damaged or do not fit; the library is not installed.
    """
    file = path / "config.json"
    facts = dict(read_json(file))
    name = facts.pop("_model_class")
    if name not in CLASSES:
        raise InputError(
            f"{file}: _model_class {name!r} is not one of segmentation_models_pytorch: "
            f"{', '.join(CLASSES)}"
        )
    if importlib.util.find_spec(_PACKAGE) is None:
        raise InputError(f"{path}: smp folders need `pip install segscope[smp]`")
    with warnings.catch_warnings():  # of torch's plans with what the library uses
        warnings.simplefilter("ignore")
        library: Any = importlib.import_module(_PACKAGE)
    weights = next((path / w for w in _WEIGHTS if (path / w).is_file()), None)
    if weights is None:
        raise InputError(f"{path}: holds no {_WEIGHTS[0]}; copy the whole folder")
    trained_on = facts.get("encoder_weights")
    make = getattr(library, name)
    _check_arguments(file, make, facts)
    try:
        with torch.random.fork_rng(devices=[]):
            # what the encoder began with is in the weights; the library would fetch it
            net: nn.Module = make(**{**facts, "encoder_weights": None})
    except Exception as error:  # the library refuses by any kind of error
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: {name} does not take these arguments ({said})") from None
    notes = load_into(net, weights, remedy="copy the whole folder again")
    activation = facts.get("activation")
    if activation is not None and activation not in _PROBABILITIES[:3]:
        raise InputError(
            f"{file}: activation {activation!r} gives neither logits nor probabilities; only "
            "sigmoid and softmax2d do"
        )
    stride = int(getattr(getattr(net, "encoder", None), "output_stride", 32))
    return Body(
        net=net,
        tool="segmentation_models_pytorch",
        kind=f"smp {name}, encoder {facts.get('encoder_name', 'of its default')}",
        spatial_dims=2,
        in_channels=int(facts.get("in_channels", 3)),
        out_channels=int(facts.get("classes", 1)),
        multiple=(stride, stride),
        output="" if activation is None else "probabilities",
        sha256=sha256_of(weights),
        notes=notes,
        imagenet=trained_on == "imagenet",
    )


def _check_arguments(file: Path, make: Any, facts: dict[str, Any]) -> None:
    known = inspect.signature(make).parameters
    unknown = [key for key in facts if key not in known]
    if unknown and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
        raise InputError(f"{file}: {', '.join(unknown)} is unknown to this release of smp")
    for key, value in facts.items():
        if not _plain(value):
            raise InputError(f"{file}: {key} holds {value!r}, expected numbers, names and lists")


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def _open(path: Path, options: OpenOptions) -> TrainedModel:
    return trained(path, read_smp(path), options.prepare, options.device)


KIND = Kind("a folder of segmentation_models_pytorch", is_smp, _open, ("prepare",))
