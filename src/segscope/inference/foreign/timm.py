"""A folder that ``save_for_hf`` of timm writes: a classifier, with timm's own preparation."""

import importlib
import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor, nn
from torch.nn import functional

from segscope.data import sha256_of
from segscope.data.json_files import read_json
from segscope.errors import InputError
from segscope.inference.classify import ClassifierModel, ClassifierSpec
from segscope.inference.device import choose_device
from segscope.inference.foreign.config_json import has_keys
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel
from segscope.inference.weights import load_into
from segscope.networks.classifiers import Classifier
from segscope.networks.timm_library import import_timm

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_MODES = ("center", "squash")
_INTERPOLATIONS = ("bicubic", "bilinear", "nearest", "lanczos", "hamming", "box")


def is_timm(path: Path) -> bool:
    """Whether a folder holds such a classifier, by its files."""
    return has_keys(path, "architecture", "pretrained_cfg")


@dataclass(frozen=True)
class CentreCrop:
    """How timm brings a picture to its network's size: enlarged, then its middle.

    Args:
        side: Of the network's image.
        resized: Shorter side (``center``) or both sides (``squash``) before the middle is cut.
        squash: The aspect is not kept.
        interpolation: Of timm, by name.
        mean: Of each channel.
        sd: Likewise.
    """

    side: int
    resized: int
    squash: bool
    interpolation: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def apply(self, image: Tensor) -> Tensor:
        """Prepare an image ``(C, H, W)`` of 0..1, by timm's own transform.

        Raises:
            InputError: It has no 8-bit values; timm's transforms are for pictures.
        """
        values = image * 255
        whole = values.round()
        if float((values - whole).abs().max()) > 1e-3 or float(values.max()) > 255.5:
            raise InputError(
                "has values of more than 8 bits, which timm's own preparation does not take; save "
                "it as an 8-bit picture"
            )
        array = whole.byte().permute(1, 2, 0).numpy()
        picture = Picture.fromarray(array[..., 0] if array.shape[2] == 1 else array)
        return self._transform()(picture)

    def _transform(self) -> Any:
        import_timm()
        create: Any = importlib.import_module("timm.data").create_transform
        return create(
            input_size=(len(self.mean), self.side, self.side),
            is_training=False,
            interpolation=self.interpolation,
            mean=self.mean,
            std=self.sd,
            crop_pct=self.side / self.resized,
            crop_mode="squash" if self.squash else "center",
        )

    def on_image(self, heat: Tensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Bring a map of the network's image onto the picture's pixels; 0 beyond what was cut."""
        whole = (self.resized, self.resized)
        if not self.squash:
            scale = self.resized / min(shape)
            whole = (round(shape[0] * scale), round(shape[1] * scale))
        corner = [round((n - self.side) / 2) for n in whole]
        scales = [n / full for n, full in zip(shape, whole, strict=True)]
        begin = [max(0, math.floor(c * s)) for c, s in zip(corner, scales, strict=True)]
        end = [
            min(n, math.ceil((c + self.side) * s))
            for c, s, n in zip(corner, scales, shape, strict=True)
        ]
        found = np.zeros(shape, np.float32)
        inner = (end[0] - begin[0], end[1] - begin[1])
        large = functional.interpolate(heat[None, None], inner, mode="bilinear")
        found[begin[0] : end[0], begin[1] : end[1]] = large[0, 0].numpy()
        return found


def open_timm(path: Path, *, device: str = "cpu") -> ClassifierModel:
    """Open such a folder.

    Raises:
        InputError: An architecture that timm has not; arguments that are no values; weights that
            are missing, damaged or do not fit.
    """
    file = path / "config.json"
    facts = read_json(file)
    if importlib.util.find_spec("timm") is None:
        raise InputError(f"{path}: timm folders need `pip install segscope[classifiers]`")
    weights = next((path / name for name in _WEIGHTS if (path / name).is_file()), None)
    if weights is None:
        raise InputError(f"{path}: holds no {_WEIGHTS[0]}; copy the whole folder")
    images = _images(file, facts["pretrained_cfg"])
    classes = _classes(file, facts)
    body = _body(file, facts, len(classes), len(images.mean))
    notes = load_into(body, weights, remedy="copy the whole folder again")
    channels = ("R", "G", "B") if len(images.mean) == 3 else tuple(
        str(k) for k in range(len(images.mean))
    )  # fmt: skip
    spec = ClassifierSpec(
        network=str(facts["architecture"]),
        classes=classes,
        channel_names=channels,
        size=(images.side, images.side),
        mean=images.mean,
        sd=images.sd,
    )
    net = Classifier(body, fixed=spec.size).eval().to(choose_device(device))
    return ClassifierModel(spec, net, sha256_of(weights), tuple(notes), images=images)


def _images(file: Path, said: Any) -> CentreCrop:
    """What the folder says of images, each value checked."""
    if not isinstance(said, Mapping):
        raise InputError(f"{file}: pretrained_cfg: an object is expected; copy it again")
    defaults = {"crop_pct": 0.875, "crop_mode": "center", "interpolation": "bicubic"}
    known = {**defaults, **{k: v for k, v in said.items() if v not in (None, "")}}
    try:
        channels, height, width = (int(n) for n in known["input_size"])
        mean, sd = (tuple(float(v) for v in known[key]) for key in ("mean", "std"))
        share = float(known["crop_pct"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: pretrained_cfg: is not whole ({error}); copy it again") from None
    mode, kind = known["crop_mode"], known["interpolation"]
    if mode not in _MODES or kind not in _INTERPOLATIONS or height != width:
        raise InputError(
            f"{file}: pretrained_cfg: images of {height} x {width} by {mode} and {kind} are not "
            f"prepared here; squares by {' or '.join(_MODES)} are"
        )
    if not (0 < share <= 1 and len(mean) == len(sd) == channels and min(sd) > 0 and height > 0):
        raise InputError(f"{file}: pretrained_cfg: crop_pct, mean or std cannot be; copy it again")
    return CentreCrop(height, math.floor(height / share), mode == "squash", kind, mean, sd)


def _classes(file: Path, facts: Mapping[str, Any]) -> tuple[str, ...]:
    count, named = facts.get("num_classes"), facts.get("label_names")
    if not isinstance(count, int) or count < 2:
        raise InputError(f"{file}: num_classes: at least two are expected, got {count!r}")
    if isinstance(named, list) and len(named) == count == len(set(map(str, named))):
        return tuple(str(name) for name in named)
    return tuple(f"class {k}" for k in range(count))


def _body(file: Path, facts: Mapping[str, Any], classes: int, channels: int) -> nn.Module:
    timm = import_timm()
    name, given = facts["architecture"], facts.get("model_args") or {}
    if not isinstance(name, str) or not timm.is_model(name):
        raise InputError(f"{file}: architecture {name!r} is none that this release of timm has")
    if not isinstance(given, Mapping) or not all(
        isinstance(value, bool | int | float | str | list) for value in given.values()
    ):
        raise InputError(f"{file}: model_args: numbers and names are expected, got {given!r}")
    fixed = {"pretrained": False, "num_classes": classes, "in_chans": channels}
    try:
        with torch.random.fork_rng(devices=[]):
            return timm.create_model(name, **{**given, **fixed})
    except Exception as error:  # timm's networks refuse by any kind of error
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: timm does not build {name} so ({said})") from None


def _refuse(path: Path, options: OpenOptions) -> TrainedModel:
    raise InputError(
        f"{path}: is a classifier of timm, which segments nothing; use segscope classify predict, "
        "or segscope cam"
    )


KIND = Kind("a classifier of timm", is_timm, _refuse, ("weights",))
