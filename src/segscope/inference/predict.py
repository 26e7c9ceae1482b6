"""One image through a network: prepared, in windows, mirrored if asked, back to its own grid."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError, WorkError
from segscope.images import Image, LabelMap, Probabilities
from segscope.inference.model import TrainedModel
from segscope.inference.windows import Windows, cheapest_axis, window_starts
from segscope.preprocessing import LabelRows, Prepared

_BATCH = 4
_NO_MEMORY = ("DefaultCPUAllocator", "out of memory")


class HowKeywords(TypedDict, total=False):
    """The options that all functions here share.

    Args:
        mirror: Average over all mirrored copies along the model's ``mirror_axes``.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass: more is faster on a GPU and takes more memory.
    """

    mirror: bool
    overlap: float
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
    plan, prepared = model.spec.plan, prepare(model, image)
    with say_memory(model.device, how.get("batch", _BATCH)):
        return plan.undo(predict_prepared(model, prepared.array, **how), prepared)


def predict_labels(model: TrainedModel, image: Image, **how: Unpack[HowKeywords]) -> LabelMap:
    """Predict the likeliest label per voxel on the image's own grid.

    Arguments and errors as of `predict_probabilities`; takes less memory. The notes are those of
    the image and of what preparing it found (a constant channel, for example).
    """
    prepared = prepare(model, image)
    return label_prepared(model, prepared, **how)


def prepare(model: TrainedModel, image: Image) -> Prepared:
    """Prepare an image as the model's plan says.

    Raises:
        ValueError: As of `segscope.preprocessing.Plan.apply`.
        WorkError: Memory ran out; what the image was to become is said.
    """
    plan, grid = model.spec.plan, image.grid
    try:
        return plan.apply(image)
    except MemoryError as error:
        sides, mm = (" x ".join(f"{n:.6g}" for n in part) for part in (grid.shape, grid.spacing_mm))
        target = plan.spacing_mm or plan.resize or grid.spacing_mm
        raise WorkError(
            f"memory ran out while an image of {sides} voxels of {mm} mm was prepared to "
            f"{'sides' if plan.resize else 'a spacing'} of {' x '.join(f'{n:.6g}' for n in target)}"
            "; check its spacing, crop it, or close other programs"
        ) from error


def label_prepared(
    model: TrainedModel,
    prepared: Prepared,
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = _BATCH,
) -> LabelMap:
    """Predict the likeliest label per voxel of a prepared image's file.

    Probabilities of all classes are only held for a slab of the image at a time; when mirrored
    copies are averaged, for the prepared image. Arguments and errors as of `predict_prepared`.
    """
    plan = model.spec.plan
    with say_memory(model.device, batch):
        if mirror or prepared.frame is not None:  # which turns rows away from the file's
            found = predict_prepared(
                model, prepared.array, mirror=mirror, overlap=overlap, batch=batch
            )
            label = plan.undo_labels(found, prepared)
        else:
            how = _How(model, [[]], overlap, batch)
            x = _tensor(prepared.array)
            axis = _slab_axis(how, tuple(x.shape[1:]))
            rows = LabelRows(prepared, axis)
            for _, slab in _slabs(how, x, []):
                rows.add(slab)
            label = rows.label()
    return LabelMap(label.array, label.grid, prepared.notes)


def predict_prepared(
    model: TrainedModel,
    array: NDArray[np.float32],
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = _BATCH,
) -> NDArray[np.float32]:
    """Predict probabilities ``(K, *P)`` of a prepared image ``(C, *P)``.

    What fits into one window goes through in one pass, padded to what the network needs; more is
    covered by windows of the model's patch size that overlap and are blended by Gaussian weights.
    2D networks take volumes slice by slice. Arguments as of `HowKeywords`.

    Raises:
        InputError: Mirroring was asked of a model that has no axis to mirror.
        WorkError: Memory ran out (the message says what to try), or the output is not finite.
    """
    how = _How(model, _flips(model, mirror), overlap, batch)
    with say_memory(model.device, batch):
        x = _tensor(array)
        total: NDArray[np.float32] | None = None
        for flips in how.flips:
            for rows, slab in _slabs(how, x, flips):
                if total is None:
                    total = np.zeros((len(slab), *x.shape[1:]), np.float32)
                total[(slice(None), *rows)] += slab
        assert total is not None  # an image has rows
        if len(how.flips) > 1:
            total /= len(how.flips)
        return total


@contextmanager
def say_memory(device: torch.device, batch: int) -> Iterator[None]:
    """Turn the ways in which memory runs out into one error that says what to try.

    Args:
        device: That computes.
        batch: Of windows; where it is 1, it is not the remedy.

    Raises:
        WorkError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch has a type of its own on CUDA, elsewhere it is a plain RuntimeError
        short = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not short and not any(sign in str(error) for sign in _NO_MEMORY):
            raise
        tries = ["--batch 1"] if batch > 1 else []
        tries += ["--device cpu"] if device.type != "cpu" else []
        said = f"try {' or '.join(tries)}, or " if tries else "crop the image, or "
        raise WorkError(f"memory ran out on {device}; {said}close other programs") from error


@dataclass(frozen=True)
class _How:
    model: TrainedModel
    flips: list[list[int]]
    overlap: float
    batch: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be at least 0 and below 1, got {self.overlap}")
        if self.batch < 1:
            raise ValueError(f"batch must be at least 1, got {self.batch}")


def _flips(model: TrainedModel, mirror: bool) -> list[list[int]]:
    """Axes of the image to flip, one list per copy; the first copy is the image."""
    # the network's axes are counted without the one that slices are taken along
    plan = model.spec.plan
    seen = [axis for axis in range(plan.image_dims) if axis != plan.slice_axis]
    axes = [seen[axis] for axis in model.spec.mirror_axes] if mirror else []
    if mirror and not axes:
        raise InputError(
            "--mirror: this model was not trained on mirrored images (mirror_axes of model.json "
            "is empty); leave it out"
        )
    return [list(chosen) for n in range(len(axes) + 1) for chosen in combinations(axes, n)]


def _tensor(array: NDArray[np.float32]) -> Tensor:
    """Share the memory where torch can express it; cached arrays are mapped read-only."""
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"]))


def _slab_axis(how: _How, sides: tuple[int, ...]) -> int:
    """Axis along which slabs are made: across slices, or where they are smallest."""
    spec = how.model.spec
    if spec.plan.slice_axis is not None:
        return spec.plan.slice_axis
    return cheapest_axis(sides, _window(how))


def _slabs(
    how: _How, x: Tensor, flips: list[int]
) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
    """Probabilities of an image ``(C, *P)`` as slabs ``(K, ...)``, and where each belongs.

    Args:
        how: Model and options.
        x: The image.
        flips: Spatial axes along which the network sees it mirrored; slabs are turned back.
    """
    axis, slices = _slab_axis(how, tuple(x.shape[1:])), how.model.spec.plan.slice_axis is not None
    how.model.net.eval()
    with torch.inference_mode():
        shown = x.flip([1 + a for a in flips]) if flips else x
        first = 0
        for part in shown.movedim(1 + axis, 0).split(how.batch) if slices else [shown[None]]:
            passed = _image_slabs(how, part.to(how.model.device), 0 if slices else axis)
            for logits in [torch.cat(list(passed), 2)] if slices else passed:
                found = _probabilities(logits.movedim(0, 1 + axis) if slices else logits[0])
                count, side = found.shape[1 + axis], x.shape[1 + axis]
                begin = side - first - count if axis in flips else first
                rows = [slice(None)] * (x.ndim - 1)
                rows[axis] = slice(begin, begin + count)
                if flips:
                    found = found.flip([1 + a for a in flips])
                yield tuple(rows), np.ascontiguousarray(found.cpu().numpy())
                first += count


def _probabilities(logits: Tensor) -> Tensor:
    found = torch.sigmoid(logits) if len(logits) == 1 else logits.softmax(0)
    if not found.isfinite().all():
        # the largest of NaNs would come out as background: wrong without a word
        raise WorkError(
            "the network's output is not finite for this image: its intensities are "
            "extreme (see segscope data inspect), or the training diverged"
        )
    return found


def _image_slabs(how: _How, x: Tensor, axis: int) -> Iterator[Tensor]:
    """Logits ``(N, K, ...)`` of images ``(N, C, *P)`` in slabs along an axis, in order."""
    net, patch, sides = how.model.net, how.model.spec.patch, tuple(x.shape[2:])
    if _in_one_pass(sides, patch):
        yield _unpad(_forward(how.model, _pad(x, net.padded(sides))), sides)
        return
    windows = Windows(x, _window(how), overlap=how.overlap, axis=axis)
    for batch in windows.batches(how.batch):
        yield from windows.add(batch, _forward(how.model, windows.cut(batch)))


def _in_one_pass(sides: Sequence[int], patch: Sequence[int]) -> bool:
    """A little more than a window is cheaper in one pass than in two windows."""
    return all(side <= 1.25 * size for side, size in zip(sides, patch, strict=True))


def count_passes(model: TrainedModel, shape: Sequence[int], *, overlap: float = 0.5) -> float:
    """Count what predicting a prepared image of a shape takes, in passes of one patch.

    Args:
        model: To predict with.
        shape: ``(*P)``, without channels.
        overlap: As of `predict_prepared`.
    """
    axis, sides = model.spec.plan.slice_axis, list(shape)
    slices = 1 if axis is None else sides.pop(axis)
    patch = model.spec.patch
    if _in_one_pass(sides, patch):
        return slices * math.prod(model.net.padded(sides)) / math.prod(patch)
    window = model.net.padded(patch)
    starts = [window_starts(n, size, overlap) for n, size in zip(sides, window, strict=True)]
    return float(slices * math.prod(map(len, starts)))


def _window(how: _How) -> tuple[int, ...]:
    return how.model.net.padded(how.model.spec.patch)


def _forward(model: TrainedModel, x: Tensor) -> Tensor:
    # on a processor a batch falls out of its caches: one by one is faster, and takes less memory
    parts = x.split(1) if x.device.type == "cpu" else [x]
    with torch.autocast(x.device.type, torch.bfloat16, enabled=model.bf16):
        logits = torch.cat(list(map(model.net, parts)))
    return logits.float()


def _pad(x: Tensor, sides: Sequence[int]) -> Tensor:
    widths: list[int] = []
    for have, want in zip(reversed(x.shape[2:]), reversed(sides), strict=True):
        before = (want - have) // 2
        widths += [before, want - have - before]
    return torch.nn.functional.pad(x, widths, mode="replicate") if any(widths) else x


def _unpad(x: Tensor, sides: tuple[int, ...]) -> Tensor:
    window = []
    for have, want in zip(x.shape[2:], sides, strict=True):
        before = (have - want) // 2
        window.append(slice(before, before + want))
    return x[(slice(None), slice(None), *window)]
