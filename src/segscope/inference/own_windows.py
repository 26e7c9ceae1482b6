"""How the network of a run is run over a prepared image: our windows, mirrored copies, slabs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError, WorkError
from segscope.images import LabelMap, Probabilities
from segscope.inference.device import say_memory
from segscope.inference.model import TrainedModel
from segscope.inference.parts import BATCH, How
from segscope.inference.windows import Windows, cheapest_axis, window_starts
from segscope.preprocessing import LabelRows, Prepared


class OwnWindows:
    """How a run of segscope is run: `segscope.inference.windows`, classes slab by slab."""

    def scores(self, model: TrainedModel, prepared: Prepared, how: How) -> NDArray[np.float32]:
        """Probabilities of the prepared image."""
        return predict_prepared(
            model, prepared.array, mirror=how.mirror, overlap=how.overlap, batch=how.batch
        )

    def labels(self, model: TrainedModel, prepared: Prepared, how: How) -> LabelMap:
        """Hold all classes for a slab of the image at a time; mirrored copies, for all of it."""
        if how.mirror:
            return model.run_spec.plan.undo_labels(self.scores(model, prepared, how), prepared)
        plain = _How(model, [[]], how.overlap, how.batch)
        x = _tensor(prepared.array)
        axis = _slab_axis(plain, tuple(x.shape[1:]))
        rows = LabelRows(prepared, axis)
        for _, slab in _slabs(plain, x, []):
            rows.add(slab)
        return rows.label()

    def probabilities(
        self, model: TrainedModel, prepared: Prepared, how: How
    ) -> tuple[LabelMap, Probabilities]:
        """Bring all classes back at once."""
        found = model.run_spec.plan.undo(self.scores(model, prepared, how), prepared)
        return found.to_labels(), found


def predict_prepared(
    model: TrainedModel,
    array: NDArray[np.float32],
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = BATCH,
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
    plan = model.run_spec.plan
    seen = [axis for axis in range(plan.image_dims) if axis != plan.slice_axis]
    axes = [seen[axis] for axis in model.run_spec.mirror_axes] if mirror else []
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
    spec = how.model.run_spec
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
    axis = _slab_axis(how, tuple(x.shape[1:]))
    slices = how.model.run_spec.plan.slice_axis is not None
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
    net, patch, sides = how.model.segmenter, how.model.run_spec.patch, tuple(x.shape[2:])
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
    axis, sides = model.run_spec.plan.slice_axis, list(shape)
    slices = 1 if axis is None else sides.pop(axis)
    patch = model.run_spec.patch
    if _in_one_pass(sides, patch):
        return slices * math.prod(model.segmenter.padded(sides)) / math.prod(patch)
    window = model.segmenter.padded(patch)
    starts = [window_starts(n, size, overlap) for n, size in zip(sides, window, strict=True)]
    return float(slices * math.prod(map(len, starts)))


def _window(how: _How) -> tuple[int, ...]:
    return how.model.segmenter.padded(how.model.run_spec.patch)


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
