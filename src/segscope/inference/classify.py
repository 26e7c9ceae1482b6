"""A trained classifier in a folder, and images through it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn
from torch.nn import functional

from segscope.data import AS_STORED, ReadOptions, image_facts, load_case
from segscope.data.json_files import as_written, parse_json
from segscope.errors import InputError, WorkError, naming
from segscope.features import untouched
from segscope.images import Case, Fingerprint, Image, ImageFacts
from segscope.inference.device import OnDevice, choose_device
from segscope.inference.meant import judge, read_seen
from segscope.inference.run_weights import read_run_weights, save_run_weights
from segscope.inference.spec import read_specified
from segscope.inference.verdict import FAR, Verdict
from segscope.networks.classifiers import Classifier, classifier
from segscope.preprocessing import ChannelPlan, Plan, orientation_to_ras, reorient, resample

_LOG = logging.getLogger(__name__)
_FILE = "classifier.json"
_BATCH = 16
_LARGEST_SIDE = 1 << 14
_SMALLEST, _LARGEST = 1e-30, 1e30  # numbers that float32 can divide by, and hold


class ClassifierSpec(BaseModel):
    """Everything that classifying needs beside the weights.

    Args:
        format: Version of this file's form.
        network: Name, see `segscope.networks.classifier`.
        classes: Names, in the order of the scores.
        channel_names: Of the images.
        size: Rows and columns that every image is brought to; of volumes three sides, in the order
            of RAS+.
        mean: Of each channel over the training images.
        sd: Likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    network: str
    classes: tuple[str, ...]
    channel_names: tuple[str, ...]
    size: tuple[int, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "ClassifierSpec":
        n = len(self.channel_names)
        if not n or len(self.mean) != n or len(self.sd) != n or min(self.sd) <= 0:
            raise ValueError(f"mean and sd must be {n} numbers, sd above 0")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError(f"classes must be two different names or more, got {self.classes}")
        if not all(name.strip() for name in self.classes):
            raise ValueError(f"classes must have names, got {self.classes}")
        check_size(self.size)
        if min(self.sd) < _SMALLEST or max(map(abs, (*self.mean, *self.sd))) > _LARGEST:
            raise ValueError(f"mean {self.mean} and sd {self.sd} are beyond float32")
        return self


class Pictures(Protocol):
    """How another tool's classifier wants its images."""

    def apply(self, image: Tensor) -> Tensor:
        """Prepare an image ``(C, H, W)`` of 0..1."""

    def on_image(self, heat: Tensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Bring a map of the prepared image onto the pixels of one of this shape."""


def check_size(size: Sequence[int]) -> None:
    """Refuse sides that no image is brought to.

    Raises:
        ValueError: Not two or three, or out of their range.
    """
    if len(size) not in (2, 3):
        raise ValueError(f"size must be two sides, or three of volumes, got {tuple(size)}")
    if not 1 <= min(size) <= max(size) <= _LARGEST_SIDE:
        raise ValueError(f"size must be within 1 to {_LARGEST_SIDE}, got {tuple(size)}")


@dataclass(frozen=True, eq=False)
class ClassifierModel(OnDevice):
    """A classifier with its weights, and what its training images were like where it is known.

    ``images`` is another tool's preparation; a classifier of ours has that of its specification.
    """

    spec: ClassifierSpec
    net: nn.Module
    weights_sha256: str = ""
    notes: tuple[str, ...] = ()
    seen: Fingerprint | None = None
    images: Pictures | None = None


def is_classifier(folder: Path) -> bool:
    """Whether a run's folder holds a classifier rather than a segmentation network."""
    return (Path(folder) / _FILE).is_file()


def build_classifier(spec: ClassifierSpec, *, seed: int = 0) -> Classifier:
    """Build the network with weights that depend on the seed alone.

    Raises:
        InputError: An unknown name, or a package that is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return classifier(
                spec.network, len(spec.channel_names), len(spec.classes),
                spatial_dims=len(spec.size),
            )  # fmt: skip
        except (ValueError, ImportError, RuntimeError, TypeError, MemoryError) as error:
            raise InputError(f"network: {error}") from None


def save_classifier(folder: Path, spec: ClassifierSpec, net: nn.Module, *, name: str) -> None:
    """Write ``classifier.json`` and ``weights_NAME.safetensors``, each whole or not at all."""
    text = spec.model_dump_json(indent=1)
    _parse_spec(folder / _FILE, text)  # what is written can be read back
    save_run_weights(folder, _FILE, text, net.state_dict(), name=name)


def load_classifier(folder: Path, *, weights: str = "best", device: str = "cpu") -> ClassifierModel:
    """Load a run's classifier in evaluation mode.

    Raises:
        InputError: Not such a run; weights missing, damaged or of another network.
    """
    folder = Path(folder)
    spec = read_classifier_spec(folder)
    where = choose_device(device)
    try:
        net = build_classifier(spec)
    except InputError as error:
        raise InputError(f"{folder / _FILE}: {error}") from None
    found = read_run_weights(folder, _FILE, weights, net.state_dict())
    net.load_state_dict(found.state)
    for note in found.notes:
        _LOG.warning("%s", note)
    seen = read_seen(folder, _plan(spec))
    return ClassifierModel(spec, net.eval().to(where), found.sha256, found.notes, seen)


def read_classifier_spec(folder: Path) -> ClassifierSpec:
    """Read ``classifier.json``.

    Raises:
        InputError: Not there, or not such a file; what is wrong in it is listed.
    """
    return read_specified(folder, _FILE, _parse_spec, "a run of segscope classify")


def _parse_spec(file: Path, text: str) -> ClassifierSpec:
    facts = parse_json(file, text)
    return as_written(file, facts, ClassifierSpec, what="a classifier of this version of segscope")


def read_pixels(
    case: Case, channels: int, reading: ReadOptions = AS_STORED, *, dims: int = 2
) -> Tensor:
    """Read an image as ``(C, *S)`` float32, 8-bit values as 0..1; volumes in the order of RAS+.

    Raises:
        InputError: It has other dimensions, or is refused.
    """
    image = read_scaled(case, channels, reading, dims=dims)
    array = image.array
    if dims == 3:
        array = reorient(array, orientation_to_ras(image.grid))
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def read_scaled(
    case: Case, channels: int, reading: ReadOptions = AS_STORED, *, dims: int = 2
) -> Image:
    """Read an image on its own grid, in float32, 8-bit values as 0..1.

    Raises:
        InputError: It has other dimensions, or is refused.
    """
    image = load_case(Case(case.name, case.image_files), channels=channels, reading=reading).image
    if image.grid.ndim > dims:
        raise InputError(
            f"{case.image_files[0]}: is a volume, the classifier takes plane images: segscope data "
            "rois cuts them out; or train one of volumes, by three sides as size"
        )
    if image.grid.ndim < dims:
        raise InputError(
            f"{case.image_files[0]}: is a plane image, the classifier takes volumes; name another"
        )
    scale = 255.0 if image.array.dtype == np.uint8 else 1.0
    return replace(image, array=image.array.astype(np.float32) / scale)


def resize_image(image: Tensor, size: Sequence[int]) -> Tensor:
    """Bring ``(C, *S)`` to a size, by an antialiased linear filter; the aspect is not kept.

    Example:
        >>> resize_image(torch.ones(1, 4, 8), (2, 2)).round(decimals=3).tolist()
        [[[1.0, 1.0], [1.0, 1.0]]]
    """
    if tuple(image.shape[1:]) == tuple(size):
        return image
    if len(size) == 3:  # torch has no such filter for volumes
        return torch.from_numpy(resample(image.numpy(), size))
    return functional.interpolate(
        image[None], tuple(size), mode="bilinear", antialias=True, align_corners=False
    )[0]


def prepare_image(model: ClassifierModel, case: Case, reading: ReadOptions = AS_STORED) -> Tensor:
    """Read, resize and normalise an image for its classifier, ``(C, *size)``."""
    spec = model.spec
    pixels = read_pixels(case, len(spec.channel_names), reading, dims=len(spec.size))
    if model.images is not None:
        with naming(case.image_files[0]):
            return model.images.apply(pixels)
    return normalise_pixels(resize_image(pixels, spec.size), spec)


def normalise_pixels(pixels: Tensor, spec: ClassifierSpec) -> Tensor:
    """Take the training images' mean and deviation off ``(C, *S)`` or ``(N, C, *S)``."""
    each = [-1, *[1] * len(spec.size)]
    mean, sd = (torch.tensor(values).view(each) for values in (spec.mean, spec.sd))
    return (pixels - mean) / sd


def pixel_facts(
    case: Case, channels: int, reading: ReadOptions = AS_STORED, *, dims: int = 2
) -> ImageFacts:
    """Measure an image as `read_scaled` gives it: 8-bit values as 0..1."""
    return image_facts(case.name, read_scaled(case, channels, reading, dims=dims))


def training_facts(dataset: str, images: Sequence[ImageFacts], *, dims: int = 2) -> Fingerprint:
    """Keep what the training images of a classifier are like; masks play no part."""
    return Fingerprint(
        dataset=dataset,
        image_dims=dims,
        channels=(),
        labels={},
        cases=tuple(image.name for image in images),
        shapes=tuple(image.shape for image in images),
        spacings_mm=tuple(image.spacing_mm for image in images),
        label_voxels={},
        pcd_percent=0.0,
        cases_without_foreground=(),
        images=tuple(images),
    )


def judge_image(model: ClassifierModel, case: Case, reading: ReadOptions = AS_STORED) -> Verdict:
    """Compare an image with those that the classifier was trained on.

    Raises:
        InputError: It has other dimensions, or is refused.
    """
    if model.seen is None:
        return Verdict()
    spec = model.spec
    image = read_scaled(case, len(spec.channel_names), reading, dims=len(spec.size))
    return judge(model.seen, case.name, image, _plan(model.spec))


def refuse_far(verdict: Verdict, case: Case) -> None:
    """Refuse an image that is far outside of what the classifier has seen.

    Raises:
        InputError: It is.
    """
    if verdict.level == FAR:
        said = "; ".join(verdict.describe())
        raise InputError(f"{case.image_files[0]}: {said}; check the image, or say --anyway")


def _plan(spec: ClassifierSpec) -> Plan:
    """Say what makes images equal: their size; the network sees their values as they are."""
    channels = tuple(ChannelPlan(name=name, scheme="none") for name in spec.channel_names)
    if len(spec.size) == 3:
        return Plan(image_dims=3, spatial_dims=3, orientation="RAS", channels=channels)
    return Plan(image_dims=2, spatial_dims=2, resize=spec.size, channels=channels)


def class_probabilities(model: ClassifierModel, images: Tensor) -> NDArray[np.float64]:
    """Probabilities ``(N, K)`` of prepared images ``(N, C, *S)``.

    Raises:
        WorkError: The scores are not finite.
    """
    with untouched(model.net), torch.inference_mode():
        parts = [model.net(x.to(model.device)).softmax(1).cpu() for x in images.split(_BATCH)]
    found: NDArray[Any] = torch.cat(parts).double().numpy()
    if not np.isfinite(found).all():
        raise WorkError("the classifier's scores are not finite; the training diverged")
    return found
