"""Classifiers by the names of "A Sneak Attack on Segmentation ...", section III.C, at any size.

    xception      Chollet 2017, arXiv:1610.02357
    inceptionv3   Szegedy 2015, arXiv:1512.00567
    resnet50v2    He 2016, arXiv:1603.05027
    densenet121   Huang 2017, arXiv:1608.06993
    mobilenetv2   Sandler 2018, arXiv:1801.04381
    nasnetmobile  Zoph 2018, arXiv:1707.07012

The architectures are pytorchcv's, whose parameters are Keras's within a thousandth; other names are
timm's. Both are in the extra ``classifiers``. Of volumes: MONAI's `VOLUME_CLASSIFIERS`. Weights are
random; `take_weights` puts others in.
"""

import difflib
import functools
import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from segscope.networks.timm_library import import_timm

_TRIED = tuple((multiple, side) for multiple in (1, 32, 64) for side in (32, 64, 96, 128)
               if side % multiple == 0)  # fmt: skip
_LAST = ("body.output", "body.fc", "body.classifier", "body.head")


@dataclass(frozen=True)
class _Known:
    """Where an architecture is found, and which sides its layers can take."""

    module: str
    function: str
    smallest: int = 32
    multiple: int = 1


CLASSIFIERS: dict[str, _Known] = {
    "xception": _Known("xception", "xception"),
    "inceptionv3": _Known("inceptionv3", "inceptionv3", smallest=75),
    "resnet50v2": _Known("preresnet", "preresnet50"),
    "densenet121": _Known("densenet", "densenet121"),
    "mobilenetv2": _Known("mobilenetv2", "mobilenetv2b_w1"),
    "nasnetmobile": _Known("nasnet", "nasnet_4a1056", multiple=32),
}


VOLUME_CLASSIFIERS: dict[str, _Known] = {
    "resnet10": _Known("resnet", "resnet10", smallest=8),
    "resnet18": _Known("resnet", "resnet18", smallest=8),
    "resnet34": _Known("resnet", "resnet34", smallest=8),
    "resnet50": _Known("resnet", "resnet50", smallest=8),
    "densenet121": _Known("densenet", "densenet121"),
}
"""MONAI's, with three spatial dimensions (He 2016, Huang 2017)."""


class Classifier(nn.Module):
    """A classifier of images of any size.

    Args:
        body: From images ``(N, C, *S)`` to scores ``(N, classes)``.
        smallest: Shortest side that the body can take.
        multiple: What its sides must be multiples of; NASNet joins paths that halve differently.
        fixed: The only sides that the body can take, as of many transformers.

    Shape:
        Input ``(N, C, *S)``, output ``(N, classes)``, the scores before softmax. Where sides are
        too short, or no multiples, the image is enlarged to the next ones that are; where they are
        fixed, it is brought to these.
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        smallest: int = 1,
        multiple: int = 1,
        fixed: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.smallest, self.multiple, self.fixed = smallest, multiple, fixed

    def forward(self, x: Tensor) -> Tensor:
        sides = tuple(int(side) for side in x.shape[2:])
        wanted = self.fixed or tuple(
            -(-max(s, self.smallest) // self.multiple) * self.multiple for s in sides
        )
        if wanted != sides:
            mode = "bilinear" if x.ndim == 4 else "trilinear"
            x = functional.interpolate(x, wanted, mode=mode, align_corners=False)
        return self.body(x)


def classifier(name: str, in_channels: int, classes: int, *, spatial_dims: int = 2) -> Classifier:
    """Build a classifier with random weights.

    Args:
        name: One of `CLASSIFIERS`, or a timm model, also with a tag (``resnet50.a1_in1k``).
        in_channels: Of the images.
        classes: At least two; one score each.
        spatial_dims: 2 for plane images; 3 for volumes, by one of `VOLUME_CLASSIFIERS`.

    Raises:
        ValueError: An unknown name, or numbers out of their range.
        ImportError: The package that has it is not installed; the message says which.

    Example:
        >>> import torch
        >>> net = classifier("mobilenetv2", 1, 2).eval()
        >>> tuple(net(torch.zeros(1, 1, 40, 48)).shape)
        (1, 2)
    """
    if in_channels < 1 or classes < 2:
        raise ValueError(
            f"in_channels must be at least 1, classes at least 2, got {in_channels} and {classes}"
        )
    if spatial_dims == 3:
        return _from_monai(name, in_channels, classes)
    if name not in CLASSIFIERS:
        return _from_timm(name, in_channels, classes)
    known = CLASSIFIERS[name]
    _need("pytorchcv", name)
    # not through its model_provider, which imports every model and torchvision with them
    module: Any = importlib.import_module(f"pytorchcv.models.{known.module}")
    body: nn.Module = getattr(module, known.function)(in_channels=in_channels, num_classes=classes)
    # its poolings are for one size of input; an average over everything is the same there
    features: Any = body.features
    if hasattr(features, "final_pool"):
        features.final_pool = nn.AdaptiveAvgPool2d(1)
    else:
        features.final_block.pool = nn.AdaptiveAvgPool2d(1)
    return Classifier(body, smallest=known.smallest, multiple=known.multiple)


def take_weights(net: Classifier, state: dict[str, Tensor]) -> tuple[str, ...]:
    """Take weights of the same architecture trained on other images, before training goes on.

    A first convolution for RGB is summed over its channels for grey images (and shared among
    others); a last layer for other classes stays random.

    Args:
        net: Changed in place.
        state: Of this net, or of its body as the package's own files have it.

    Returns:
        What was changed or left, in sentences.

    Raises:
        ValueError: Weights of another architecture; tensors at fault are named.

    Example:
        >>> net, other = classifier("mobilenetv2", 1, 2), classifier("mobilenetv2", 3, 1000)
        >>> [note.split(":")[0] for note in take_weights(net, other.state_dict())]
        ['body.features.init_block.conv.weight', 'body.output.weight']
    """
    own = net.state_dict()
    facts: Any = getattr(net.body, "pretrained_cfg", None) or {}  # timm's know their own ends
    first = _names(facts.get("first_conv")) or tuple(own)[:1]
    last = (*_LAST, *_names(facts.get("classifier")))
    given = {key if key in own else f"body.{key}": value for key, value in state.items()}
    missing, extra = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing or extra:
        raise ValueError(
            f"weights are of another network; missing {missing[:3] or 'none'}, not expected "
            f"{[key.removeprefix('body.') for key in extra[:3]] or 'none'}"
        )
    taken, notes, faults = {}, [], []
    for key, wanted in own.items():
        value = given[key]
        if value.shape == wanted.shape:
            taken[key] = value
        elif (
            key.startswith(first) and value.ndim == 4 and value.shape[0] == wanted.shape[0]
            and value.shape[2:] == wanted.shape[2:]
        ):  # fmt: skip
            # the same answer for an image whose channels are all alike
            share = value.sum(1, keepdim=True) / wanted.shape[1]
            taken[key] = share.expand_as(wanted).contiguous()
            notes.append(f"{key}: {value.shape[1]} channels joined for {wanted.shape[1]}")
        elif key.startswith(last):
            taken[key] = wanted
            notes.append(f"{key}: for {value.shape[0]} classes, left random for {wanted.shape[0]}")
        else:
            faults.append(f"{key} {tuple(value.shape)}, expected {tuple(wanted.shape)}")
    if faults:
        raise ValueError(f"weights do not fit: {'; '.join(faults[:3])}")
    net.load_state_dict(taken)
    return tuple(notes)


def _names(found: Any) -> tuple[str, ...]:
    """One name, several or none, as a state dict begins with them."""
    names = (found,) if isinstance(found, str) else tuple(found or ())
    return tuple(f"body.{name}." for name in names)


def check_classifier(name: str, *, spatial_dims: int = 2) -> None:
    """Refuse a name that `classifier` does not know, before any is built.

    Raises:
        ValueError: No such classifier (the nearest are offered), or timm is not installed.

    Example:
        >>> check_classifier("xception")
    """
    if spatial_dims == 3:
        if name not in VOLUME_CLASSIFIERS:
            offered = ", ".join(VOLUME_CLASSIFIERS)
            raise ValueError(f"unknown classifier of volumes {name!r}, there are {offered}")
        return
    if name in CLASSIFIERS:
        return
    _need("timm", name)
    timm = import_timm()

    base, _, tag = name.partition(".")
    tagged = timm.list_pretrained(f"{base}.*") if tag else []
    if not timm.is_model(base) or (tag and name not in tagged):
        known = tagged or [*CLASSIFIERS, *timm.list_models()]
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
        raise ValueError(f"unknown classifier {name!r}, did you mean {', '.join(close)}?")


def _from_monai(name: str, in_channels: int, classes: int) -> Classifier:
    check_classifier(name, spatial_dims=3)
    known = VOLUME_CLASSIFIERS[name]
    make: Any = getattr(
        importlib.import_module(f"monai.networks.nets.{known.module}"), known.function
    )
    numbers = (
        {"n_input_channels": in_channels, "num_classes": classes}
        if known.module == "resnet"
        else {"in_channels": in_channels, "out_channels": classes}
    )
    return Classifier(make(spatial_dims=3, **numbers), smallest=known.smallest)


def _from_timm(name: str, in_channels: int, classes: int) -> Classifier:
    check_classifier(name)
    timm = import_timm()

    body: nn.Module = timm.create_model(
        name, pretrained=False, in_chans=in_channels, num_classes=classes
    )
    return Classifier(body, **_sides_of(name))


@functools.cache
def _sides_of(name: str) -> dict[str, Any]:
    """Find which sides a timm model takes; it says so only where they are fixed.

    Images of several sides are sent through it without values (on the meta device), which costs
    about as long as building it. A model that cannot be asked so is given what comes.
    """
    timm = import_timm()

    with torch.device("meta"):
        body: nn.Module = timm.create_model(name, pretrained=False, num_classes=2).eval()
    facts: Any = body.pretrained_cfg
    channels, *sides = facts["input_size"]

    def takes(*shape: int) -> bool:
        try:
            with torch.inference_mode():
                body(torch.zeros(1, channels, *shape, device="meta"))
        except Exception:  # layers refuse by any kind of error
            return False
        return True

    if facts.get("fixed_input_size"):
        return {"fixed": tuple(sides)}
    for multiple, smallest in _TRIED:
        steps = [(0, 0), (1, 2), (3, 1), (7, 10)]
        if all(takes(*(smallest + multiple * k for k in pair)) for pair in steps):
            return {"smallest": smallest, "multiple": multiple}
    return {"fixed": tuple(sides)} if takes(*sides) else {}


def _need(package: str, name: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ImportError(
            f"classifier {name!r} needs {package}; install segscope[classifiers], or choose one of "
            f"{', '.join(CLASSIFIERS)}"
        )
