"""A classifier that somebody else has trained: timm's, torchvision's, or a user's own.

Images are brought to its sides (the whole image, so that a map covers all of it) and normalised as
it says of itself: timm by ``pretrained_cfg``, torchvision by its weights' transforms, others by a
YAML file. Its classes have the names that come with its weights.
"""

import importlib
import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from segscope.data import find_cases, is_dataset, open_dataset, read_image
from segscope.data.json_files import read_text_file
from segscope.errors import InputError
from segscope.inference import choose_device, load_into
from segscope.inference.classify import ClassifierModel, ClassifierSpec
from segscope.inference.manifest import state_hash
from segscope.inference.pretrained import PRETRAINED
from segscope.networks.timm_library import import_timm
from segscope.training.recipe import load_yaml
from segscope.workflows.audit_model import made_with

_REMEDY = "name weights of this network, or another --model"
_KEYS = "size, mean, sd, classes"


class GivenPreparation(BaseModel):
    """How a given classifier's images are prepared, and what its scores are called.

    Args:
        size: Two sides, or three of volumes.
        mean: Of each channel, of values where 8-bit images are 0..1.
        sd: Likewise.
        classes: Names in the order of the scores; their numbers where not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    sd: tuple[float, ...] = (1.0,)
    classes: tuple[str, ...] | None = None


class GivenClassifier(nn.Module):
    """Shows images to a network as it was trained: grey ones in all its channels, normalised.

    Args:
        body: From ``(N, C, *S)`` to scores ``(N, classes)``.
        mean: Per channel of the body, or one for all.
        sd: Likewise.
        channels: That the body takes.

    Example:
        >>> net = GivenClassifier(nn.Flatten(), mean=[1.0], sd=[2.0], channels=3)
        >>> net(torch.full((1, 1, 1, 1), 5.0)).tolist()
        [[2.0, 2.0, 2.0]]
    """

    mean: Tensor
    sd: Tensor

    def __init__(
        self, body: nn.Module, *, mean: Sequence[float], sd: Sequence[float], channels: int
    ) -> None:
        super().__init__()
        self.body, self.channels = body, channels
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("sd", torch.tensor(sd), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        each = [1, -1, *[1] * (x.ndim - 2)]
        if x.shape[1] != self.channels:
            x = x.expand(-1, self.channels, *x.shape[2:])
        return self.body((x - self.mean.view(each)) / self.sd.view(each))


@dataclass(frozen=True)
class _Given:
    net: nn.Module
    prepared: GivenPreparation | None
    notes: tuple[str, ...] = ()


def open_classifier(
    text: str, source: Path, *, prepare: Path | None = None, device: str = "auto"
) -> ClassifierModel:
    """Open a trained classifier for images of a source.

    Args:
        text: ``timm:NAME``, ``torchvision:NAME``, ``FILE.py:function`` or ``module:function``, each
            with ``,WEIGHTS`` behind it: a file, or ``pretrained`` (what the package offers, from
            its cache or fetched), which timm and torchvision have by default.
        source: Images, which tell whether they are grey.
        prepare: YAML with size, mean, sd, classes (see `GivenPreparation`); needed where the
            network does not say itself.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: No such network, weights or file; nobody says how images are prepared; images
            with channels that the network does not take.
    """
    name, _, weights = text.partition(",")
    given = _open(name, weights or None)
    how = given.prepared if prepare is None else _read(prepare)
    if how is None:
        raise InputError(
            f"--model {name}: does not say how its images are prepared (pretrained_cfg); say it "
            f"with --prepare FILE.yaml: {_KEYS}"
        )
    takes, classes = _ends(given.net, name)
    found = _channels_of(source)
    if found not in (1, takes):
        raise InputError(f"--model {name}: takes {takes} channels, the images have {found}")
    if {len(how.mean), len(how.sd)} - {1, takes}:
        raise InputError(f"--model {name}: mean and sd are {takes} numbers each, or one for all")
    names = _unlike(how.classes or [str(k) for k in range(classes)])
    if len(names) != classes:
        raise InputError(f"--model {name}: has {classes} scores, {len(names)} classes are named")
    net = GivenClassifier(given.net, mean=how.mean, sd=how.sd, channels=takes)
    net.eval().to(choose_device(device))
    try:
        spec = ClassifierSpec(
            network=text, classes=names, size=how.size, mean=(0.0,) * found, sd=(1.0,) * found,
            channel_names=tuple(f"channel {k}" for k in range(found)),
        )  # fmt: skip
    except ValidationError as error:
        said = "; ".join(one["msg"] for one in error.errors())
        raise InputError(f"--model {name}: cannot be used so: {said}") from None
    return ClassifierModel(spec, net, state_hash(net), given.notes)


def _open(name: str, weights: str | None) -> _Given:
    package, _, known = name.partition(":")
    if package == "timm":
        return _of_timm(known, weights or PRETRAINED)
    if package == "torchvision":
        return _of_torchvision(known, weights or PRETRAINED)
    net, notes = made_with(name, weights)
    facts = getattr(net, "pretrained_cfg", None)
    return _Given(net, _of_facts(facts) if isinstance(facts, dict) else None, notes)


def _of_timm(name: str, weights: str) -> _Given:
    timm = import_timm()
    try:
        net: Any = timm.create_model(name, pretrained=weights == PRETRAINED)
    except Exception as error:  # an unknown name, or a hub that cannot be reached, fails in any way
        raise InputError(
            f"--model timm:{name}: cannot be opened ({type(error).__name__}: {error}); name a timm "
            f"model, or weights that are here: --model timm:{name},FILE"
        ) from None
    notes = () if weights == PRETRAINED else _loaded(net, weights)
    facts = dict(net.pretrained_cfg)
    subset = timm.data.infer_imagenet_subset(net)
    if not facts.get("label_names") and subset and net.num_classes == facts.get("num_classes"):
        info = timm.data.ImageNetInfo(subset)
        facts["label_names"] = [info.index_to_description(k) for k in range(net.num_classes)]
    return _Given(net, _of_facts(facts), notes)


def _of_torchvision(name: str, weights: str) -> _Given:
    if importlib.util.find_spec("torchvision") is None:
        raise InputError(f"--model torchvision:{name}: needs torchvision; pip install torchvision")
    models: Any = importlib.import_module("torchvision.models")
    try:
        offered = models.get_model_weights(name).DEFAULT
        net = models.get_model(name, weights=offered if weights == PRETRAINED else None)
    except Exception as error:  # as of timm
        raise InputError(
            f"--model torchvision:{name}: cannot be opened ({type(error).__name__}: {error}); name "
            f"a model of torchvision, or weights that are here: --model torchvision:{name},FILE"
        ) from None
    notes = () if weights == PRETRAINED else _loaded(net, weights)
    shown = offered.transforms()
    facts = {
        "input_size": (len(shown.mean), *[shown.crop_size[0]] * 2),
        "mean": shown.mean,
        "std": shown.std,
        "label_names": offered.meta["categories"],
    }
    return _Given(net, _of_facts(facts), notes)


def _loaded(net: nn.Module, weights: str) -> tuple[str, ...]:
    file = Path(weights)
    if not file.is_file():
        raise InputError(f"--model: weights {file}: no such file; check the path")
    return tuple(load_into(net, file, remedy=_REMEDY))


def _of_facts(facts: dict[str, Any]) -> GivenPreparation | None:
    """From what timm's networks say of themselves; None where sides are not among it."""
    if not facts.get("input_size"):
        return None
    names = facts.get("label_names")
    return GivenPreparation(
        size=tuple(facts["input_size"])[1:],
        mean=tuple(facts.get("mean") or (0.0,)),
        sd=tuple(facts.get("std") or (1.0,)),
        classes=tuple(map(str, names)) if names else None,
    )


def _read(file: Path) -> GivenPreparation:
    text = read_text_file(file, missing=f"--prepare {file}: no such file; check the path")
    try:
        return GivenPreparation.model_validate(load_yaml(text, str(file)))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise InputError(f"--prepare {file}: is not usable; keys are {_KEYS}:", faults) from None


def _ends(net: nn.Module, name: str) -> tuple[int, int]:
    """Channels that a network takes, and scores that it gives, by its first and last layer."""
    weights = [
        module.weight for module in net.modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)
    ]  # fmt: skip
    if not weights:
        raise InputError(f"--model {name}: has no convolution and no linear layer, so no class map")
    groups = next((m.groups for m in net.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)), 1)
    return weights[0].shape[1] * groups, len(weights[-1])


def _channels_of(source: Path) -> int:
    """Channels of the images: as the dataset says, or of the first one."""
    if is_dataset(source):
        return len(open_dataset(source).channel_names)
    first = find_cases(source, channels=1)[0]
    return len(read_image(first.image_files[0]).array)


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Names that stand for one class each: ImageNet has two cranes.

    Example:
        >>> _unlike(["crane", "tench", "crane"])
        ('crane (0)', 'tench', 'crane (2)')
    """
    count = Counter(names)
    return tuple(f"{name} ({k})" if count[name] > 1 else name for k, name in enumerate(names))
