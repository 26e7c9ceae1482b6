"""Class activation maps of a classifier as a folder, and what alone they would segment.

cam.csv  cam.json  heatmaps/CASE.png (.nii.gz of volumes; 0 to 255)  pictures/CASE.png
"""

import difflib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segscope.data import (
    AS_STORED,
    ReadOptions,
    json_ready,
    read_label,
    to_csv,
    write_bytes,
    write_json,
    write_text,
)
from segscope.errors import Failures, InputError
from segscope.explain import check_method, class_activation_map, package_of_method, to_levels
from segscope.explain.last_layer import last_layer
from segscope.explain.weak_labels import Criterion, image_level_threshold, resize_map
from segscope.images import Case, Image
from segscope.inference import write_manifest
from segscope.inference.classify import (
    ClassifierModel,
    class_probabilities,
    judge_image,
    normalise_pixels,
    prepare_image,
    read_pixels,
    read_scaled,
    resize_image,
)
from segscope.paths import check_new_folder
from segscope.preprocessing import orientation_to_ras, reorient, restore
from segscope.preprocessing.orient import Orientation
from segscope.progress import track
from segscope.workflows.cam_layer import FAITHFUL, faithful_layers
from segscope.workflows.cam_maps import CamRow, draw_map, score_map, write_map

PREDICTED = "predicted"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassMap:
    """A map ``(*S)`` on its image's own grid, and the class it is of."""

    levels: NDArray[np.uint8]
    name: str
    image: Image


def class_map(
    model: ClassifierModel,
    case: Case,
    *,
    method: str = "gradcam",
    layer: str | None = None,
    of: str = PREDICTED,
    reading: ReadOptions = AS_STORED,
) -> ClassMap:
    """Map one image on its own grid.

    Args:
        model: A classifier.
        case: A plane image, or a volume where the classifier takes these.
        method: One of `segscope.explain.CAM_METHODS`.
        layer: Where features are taken from; the last one with a spatial map by default.
        of: A class (see `find_class`), or ``predicted``.
        reading: What may be changed when it is read.

    Raises:
        InputError: An unknown class, method or layer; the image is refused.
    """
    spec = model.spec
    if of != PREDICTED:
        of = find_class(spec.classes, of)
    x = prepare_image(model, case, reading)[None]
    if of == PREDICTED:
        of = spec.classes[int(class_probabilities(model, x)[0].argmax())]
    try:
        heat = class_activation_map(
            model.net, x.to(model.device), spec.classes.index(of), method=method,
            layer=_within_body(model.net, layer),
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"cam: {error}") from None
    image = read_scaled(case, len(spec.channel_names), reading, dims=len(spec.size))
    turn = _turn(image)
    shape = tuple(image.grid.shape[axis] for axis, _ in turn)
    small, own = heat[0].cpu(), model.images
    large = resize_map(small, shape) if own is None else own.on_image(small, shape)
    return ClassMap(np.ascontiguousarray(restore(to_levels(large), turn)), of, image)


def find_class(classes: Sequence[str], wanted: str) -> str:
    """Find a class by its name, its number, or one of several names with commas between them.

    Raises:
        InputError: There is none, or several have this name; the nearest are said.

    Example:
        >>> find_class(["tench, Tinca tinca", "African elephant"], "tench")
        'tench, Tinca tinca'
    """
    if wanted in classes:
        return wanted
    if wanted.isdecimal() and int(wanted) < len(classes):
        return classes[int(wanted)]
    low = wanted.lower().strip()
    found = [name for name in classes if low in [part.strip() for part in name.lower().split(",")]]
    if len(found) == 1:
        return found[0]
    near = found or difflib.get_close_matches(wanted, classes, n=5, cutoff=0.0)
    listed = ", ".join(repr(name) if "," in name else name for name in near)
    among = "" if len(near) == len(classes) else f" (of {len(classes)})"
    raise InputError(f"--class {wanted}: there are {listed}{among}, or {PREDICTED}")


def _turn(image: Image) -> Orientation:
    """How an image's axes are turned for its classifier: volumes to RAS+."""
    if image.grid.ndim == 3:
        return orientation_to_ras(image.grid)
    return tuple((axis, 1) for axis in range(image.grid.ndim))


def _within_body(net: nn.Module, layer: str | None) -> str | None:
    """Layers may be named as in the network that was given, which lies in ours as its body."""
    if layer is None or not isinstance(getattr(net, "body", None), nn.Module):
        return layer
    named = {name for name, _ in net.named_modules()}
    base = layer.partition("#")[0]
    return f"body.{layer}" if base not in named and f"body.{base}" in named else layer


def _last_layer(model: ClassifierModel, case: Case, reading: ReadOptions) -> str:
    x = prepare_image(model, case, reading)[None]
    model.net.eval()
    try:
        return last_layer(model.net, x.to(model.device))
    except ValueError as error:
        raise InputError(f"cam: {error}") from None


def choose_threshold(
    model: ClassifierModel, case: Case, found: ClassMap, *, reading: ReadOptions = AS_STORED
) -> int:
    """Choose a map's threshold by what the classifier says of the parts (no mask is needed)."""
    spec = model.spec
    if model.images is not None:
        raise InputError(
            "--threshold image-level: is for classifiers that segscope trained, which see whole "
            "images; use otsu"
        )
    pixels = read_pixels(case, len(spec.channel_names), reading, dims=len(spec.size))
    image = resize_image(pixels, spec.size)
    k = spec.classes.index(found.name)

    def probability(parts: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(class_probabilities(model, normalise_pixels(parts, spec))[:, k])

    levels = reorient(found.levels.astype(np.float32), _turn(found.image))
    small = resize_map(torch.from_numpy(np.ascontiguousarray(levels)), spec.size)
    return image_level_threshold(np.round(small).astype(np.uint8), image, probability)


def run_classifier_cam(
    model: ClassifierModel,
    cases: Sequence[Case],
    folder: Path,
    *,
    method: str = "gradcam",
    layer: str | None = None,
    of: str = PREDICTED,
    criterion: str = "otsu",
    pictures: bool = True,
    reading: ReadOptions = AS_STORED,
) -> list[CamRow]:
    """Map every image into ``folder``; score maps of images whose mask holds something.

    Args:
        model: A classifier.
        cases: Plane images (or volumes, where it takes these), with or without masks.
        folder: New or empty.
        method: As of `class_map`.
        layer: As of `class_map`, or ``faithful``: chosen by what the maps of these images tell of
            the score, see `segscope.workflows.cam_layer`.
        of: As of `class_map`.
        criterion: How the threshold is chosen without masks: ``otsu`` or ``image-level``.
        pictures: Draw each map over its image.
        reading: What may be changed when images are read.

    Raises:
        InputError: The folder holds something; what `class_map` refuses.
    """
    check_new_folder(folder)
    if criterion not in get_args(Criterion):
        raise InputError(f"--threshold {criterion}: expected {' or '.join(get_args(Criterion))}")
    of_layer = check_method(method).of_layer
    rows: list[CamRow] = []
    failures = Failures()
    scored: dict[str, float] = {}
    if layer == FAITHFUL:
        scored = _faithful(model, cases, method, of, reading)
        layer = next(iter(scored))
    for case in track(cases, "mapping"):
        with failures.of(case.name):
            for note in judge_image(model, case, reading).describe():
                _LOG.warning("%s: %s", case.name, note)
            if layer is None and of_layer:
                layer = _last_layer(model, case, reading)  # once for all, and for the record
            found = class_map(model, case, method=method, layer=layer, of=of, reading=reading)
            threshold = None
            if criterion == "image-level":
                threshold = choose_threshold(model, case, found, reading=reading)
            rows.append(_written(case, found, threshold, folder, pictures, reading))
    failures.check(len(cases), what="cam")
    cases = [case for case in cases if case.name not in failures.reasons]
    write_manifest(folder, cases, device=model.device, weights=model.weights_sha256)
    write_text(folder / "cam.csv", to_csv([asdict(row) for row in rows]))
    facts = {"format": 1, "method": method, **package_of_method(method), "layer": layer,
             "class": of, "criterion": criterion, "network": model.spec.network,
             "weights_sha256": model.weights_sha256,
             **({"insertion_less_deletion": scored} if scored else {})}  # fmt: skip
    write_json(folder / "cam.json", json_ready({**facts, "maps": [asdict(row) for row in rows]}))
    if failures.reasons:
        total = len(cases) + len(failures.reasons)
        raise failures.error(total, kept=f"\nthe maps of the others are in {folder}")
    return rows


def _faithful(
    model: ClassifierModel, cases: Sequence[Case], method: str, of: str, reading: ReadOptions
) -> dict[str, float]:
    if not check_method(method).of_layer:
        raise InputError(f"--layer {FAITHFUL}: method {method} looks at no layer; leave it out")
    if not cases:
        raise InputError("cam: there is no image; check the input")
    names = model.spec.classes
    number = None if of == PREDICTED else names.index(find_class(names, of))
    scored = faithful_layers(model, cases, method=method, number=number, reading=reading)
    said = ", ".join(f"{name} {score:.3f}" for name, score in scored.items())
    _LOG.info("insertion less deletion of layers: %s", said)
    return scored


def _written(
    case: Case,
    found: ClassMap,
    threshold: int | None,
    folder: Path,
    pictures: bool,
    reading: ReadOptions,
) -> CamRow:
    """Score and write the map of one image."""
    mask = None
    if case.label_file is not None:
        drawn = read_label(case.label_file, reading=reading).array > 0
        mask = drawn if drawn.any() else None
    row = score_map(case.name, found.name, found.levels, mask, threshold)
    grid = found.image.grid
    write_map(folder, case, case.name, found.levels, grid)
    if pictures:
        image = found.image.array
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        png = draw_map(image, found.levels, mask, grid, row)
        write_bytes(folder / "pictures" / f"{case.name}.png", png)
    return row
