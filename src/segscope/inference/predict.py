"""One image through a model: prepared as the model wants it, and back to its own grid."""

from typing import TypedDict, Unpack

from segscope.errors import WorkError
from segscope.images import Grid, Image, LabelMap, Probabilities
from segscope.inference.device import say_memory
from segscope.inference.model import TrainedModel
from segscope.inference.own_windows import OwnWindows, count_passes, predict_prepared
from segscope.inference.parts import Inferer
from segscope.inference.watching import Watching
from segscope.preprocessing import Plan, Preparer, Shown

__all__ = [
    "HowKeywords",
    "both_prepared",
    "count_passes",
    "inferer_of",
    "label_prepared",
    "predict_labels",
    "predict_prepared",
    "predict_probabilities",
    "prepare",
    "say_memory",
]


class HowKeywords(TypedDict, total=False):
    """The options that all functions here share; None is as the model says.

    Args:
        mirror: Average over all mirrored copies along the model's ``mirror_axes``.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass: more is faster on a GPU and takes more memory.
    """

    mirror: bool | None
    overlap: float | None
    batch: int


def predict_probabilities(
    model: TrainedModel, image: Image, **how: Unpack[HowKeywords]
) -> Probabilities:
    """Predict class probabilities ``(K, *S)`` on the image's own grid.

    Args:
        model: On any device.
        image: As its file has it.
        how: ``mirror``, ``overlap`` and ``batch``, see `HowKeywords`.

    Raises:
        ValueError: The image has other channels or dimensions than the model.
        WorkError: Memory ran out, or the network's output is not finite.
    """
    return both_prepared(model, prepare(model, image), **how)[1]


def predict_labels(model: TrainedModel, image: Image, **how: Unpack[HowKeywords]) -> LabelMap:
    """Predict the likeliest label per voxel on the image's own grid.

    Arguments and errors as of `predict_probabilities`; takes less memory. The notes are those of
    the image and of what preparing it found (a constant channel, for example).
    """
    return label_prepared(model, prepare(model, image), **how)


def prepare(model: TrainedModel, image: Image) -> Shown:
    """Prepare an image as the model wants it.

    Raises:
        ValueError: As of `segscope.preprocessing.Preparer.apply`.
        WorkError: Memory ran out; what the image was to become is said.
    """
    preparer, grid = model.preparer, image.grid
    try:
        return preparer.apply(image)
    except MemoryError as error:
        sides, mm = (" x ".join(f"{n:.6g}" for n in part) for part in (grid.shape, grid.spacing_mm))
        raise WorkError(
            f"memory ran out while an image of {sides} voxels of {mm} mm was prepared"
            f"{_wanted(preparer, grid)}; check its spacing, crop it, or close other programs"
        ) from error


def _wanted(preparer: Preparer, grid: Grid) -> str:
    """What an image was to become, where a plan says so."""
    if not isinstance(preparer, Plan):
        return ""
    target = preparer.spacing_mm or preparer.resize or grid.spacing_mm
    what = "sides" if preparer.resize else "a spacing"
    return f" to {what} of {' x '.join(f'{n:.6g}' for n in target)}"


def label_prepared(
    model: TrainedModel,
    prepared: Shown,
    *,
    watching: Watching | None = None,
    **how: Unpack[HowKeywords],
) -> LabelMap:
    """Predict the likeliest label per voxel of a prepared image's file.

    Arguments and errors as of `predict_prepared`; ``watching`` is shown the probabilities.
    """
    chosen = model.how(**how)
    with say_memory(model.device, chosen.batch):
        label = inferer_of(model, watching).labels(model, prepared, chosen)
    return LabelMap(label.array, label.grid, prepared.notes)


def both_prepared(
    model: TrainedModel,
    prepared: Shown,
    *,
    watching: Watching | None = None,
    **how: Unpack[HowKeywords],
) -> tuple[LabelMap, Probabilities]:
    """Predict labels as `label_prepared` does, and the probabilities that they come from."""
    chosen = model.how(**how)
    with say_memory(model.device, chosen.batch):
        label, found = inferer_of(model, watching).probabilities(model, prepared, chosen)
    return LabelMap(label.array, label.grid, prepared.notes), found


def inferer_of(model: TrainedModel, watching: Watching | None = None) -> Inferer:
    """Who runs a model's network; ``watching`` is shown the probabilities of a run's.

    Raises:
        ValueError: Of another tool's model, while it is looked on.
    """
    if model.parts is None:
        return OwnWindows(watching=watching)
    if watching is not None:
        raise ValueError("nobody can look on while another tool's model predicts")
    return model.parts.inferer
