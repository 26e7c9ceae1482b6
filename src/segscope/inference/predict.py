"""One image through a network: prepared, in windows, mirrored if asked, back to its own grid."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError, WorkError
from segscope.images import Image, LabelMap, Probabilities
from segscope.inference.model import TrainedModel

_BATCH = 4
_NO_MEMORY = ("DefaultCPUAllocator", "out of memory")


def predict_probabilities(
    model: TrainedModel,
    image: Image,
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = _BATCH,
) -> Probabilities:
    """Predict class probabilities ``(K, *S)`` on the image's own grid.

    Args:
        model: On any device.
        image: As its file has it.
        mirror: Average over all mirrored copies along the model's ``mirror_axes``.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass: more is faster on a GPU and takes more memory.

    Raises:
        ValueError: The image has other channels or dimensions than the model.
        WorkError: Memory ran out, or the network's output is not finite.
    """
    plan = model.spec.plan
    with say_memory(model.device):
        prepared = plan.apply(image)
        found = predict_prepared(model, prepared.array, mirror=mirror, overlap=overlap, batch=batch)
        return plan.undo(found, prepared)


def predict_labels(
    model: TrainedModel,
    image: Image,
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = _BATCH,
) -> LabelMap:
    """Predict the likeliest label per voxel on the image's own grid.

    Arguments and errors as of `predict_probabilities`; takes less memory. The notes are those of
    the image and of what preparing it found (a constant channel, for example).
    """
    plan = model.spec.plan
    with say_memory(model.device):
        prepared = plan.apply(image)
        found = predict_prepared(model, prepared.array, mirror=mirror, overlap=overlap, batch=batch)
        label = plan.undo_labels(found, prepared)
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
    covered by windows of the model's patch size that overlap and are blended by Gaussian weights
    (MONAI). 2D networks take volumes slice by slice. Arguments as of `predict_probabilities`.

    Raises:
        InputError: Mirroring was asked of a model that has no axis to mirror.
        WorkError: Memory ran out (the message says what to try), or the output is not finite.
    """
    how = _How(model, _flips(model, mirror), overlap, batch)
    axis = model.spec.plan.slice_axis
    model.net.eval()
    with say_memory(model.device), torch.inference_mode():
        # a copy: cached arrays are memory-mapped read-only, which torch cannot express
        x = torch.from_numpy(np.array(array, dtype=np.float32))
        if axis is None:
            result = _mirrored(how, x[None].to(model.device))[0].cpu()
        else:
            slices = x.movedim(1 + axis, 0)
            parts = [
                _mirrored(how, slices[k : k + batch].to(model.device)).cpu()
                for k in range(0, len(slices), batch)
            ]
            result = torch.cat(parts).movedim(0, 1 + axis)
        if not result.isfinite().all():
            # the largest of NaNs would come out as background: wrong without a word
            raise WorkError(
                "the network's output is not finite for this image: its intensities are extreme "
                "(see segscope data inspect), or the training diverged"
            )
        numbers: NDArray[np.float32] = np.ascontiguousarray(result.numpy())
        return numbers


@contextmanager
def say_memory(device: torch.device) -> Iterator[None]:
    """Turn the ways in which memory runs out into one error that says what to try.

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
        elsewhere = "" if device.type == "cpu" else " or --device cpu"
        raise WorkError(
            f"memory ran out on {device}; try --batch 1{elsewhere}, or close other programs"
        ) from error


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
    """Dimensions of ``(N, C, *S)`` to flip, one list per copy; the first copy is the image."""
    axes = model.spec.mirror_axes if mirror else ()
    if mirror and not axes:
        raise InputError(
            "--mirror: this model was not trained on mirrored images (mirror_axes of model.json "
            "is empty); leave it out"
        )
    return [
        [2 + a for a in chosen] for n in range(len(axes) + 1) for chosen in combinations(axes, n)
    ]


def _mirrored(how: _How, x: Tensor) -> Tensor:
    total = _activated(how, x)
    for dims in how.flips[1:]:
        total += _activated(how, x.flip(dims)).flip(dims)
    return total.div_(len(how.flips))


def _activated(how: _How, x: Tensor) -> Tensor:
    logits = _logits(how, x)
    return torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)


def _logits(how: _How, x: Tensor) -> Tensor:
    net, patch, sides = how.model.net, how.model.spec.patch, tuple(x.shape[2:])
    # a little more than a window is cheaper in one pass than in two windows
    if all(side <= 1.25 * size for side, size in zip(sides, patch, strict=True)):
        padded = [-(-side // m) * m for side, m in zip(sides, net.multiple, strict=True)]
        return _unpad(_forward(how.model, _pad(x, padded)), sides)
    from monai.inferers.utils import sliding_window_inference

    blended: Tensor = sliding_window_inference(  # type: ignore[assignment]
        x,
        [-(-size // m) * m for size, m in zip(patch, net.multiple, strict=True)],
        how.batch,
        lambda window: _forward(how.model, window),
        overlap=how.overlap,
        mode="gaussian",
        padding_mode="replicate",
    )
    return blended


def _forward(model: TrainedModel, x: Tensor) -> Tensor:
    # on a processor a batch falls out of its caches: one by one is faster, and takes less memory
    parts = x.split(1) if x.device.type == "cpu" else [x]
    with torch.autocast(x.device.type, torch.bfloat16, enabled=model.bf16):
        logits = torch.cat([model.net(part) for part in parts])
    return logits.float()


def _pad(x: Tensor, sides: list[int]) -> Tensor:
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
