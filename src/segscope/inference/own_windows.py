"""How the network of a run is run over a prepared image: our windows, mirrored copies, slabs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError, WorkError
from segscope.features import untouched
from segscope.images import LabelMap, Probabilities
from segscope.inference.device import say_memory
from segscope.inference.model import TrainedModel
from segscope.inference.parts import BATCH, How
from segscope.inference.watching import Watching
from segscope.inference.windows import Windows, cheapest_axis, window_starts
from segscope.networks import Segmenter
from segscope.preprocessing import LabelRows, Plan, Prepared


@dataclass(frozen=True)
class OwnWindows:
    """How a run of segscope is run: `segscope.inference.windows`, classes slab by slab.

    Another tool's network that a `Plan` prepares images for is run so too.

    Args:
        exclusive: A voxel has one class; else each output is a region of its own, and those that
            come later are written over earlier ones.
        watching: Is shown the probabilities.
    """

    exclusive: bool = True
    watching: Watching | None = None

    def scores(self, model: TrainedModel, prepared: Prepared, how: How) -> NDArray[np.float32]:
        """Probabilities of the prepared image."""
        found = predict_prepared(
            model,
            prepared.array,
            mirror=how.mirror,
            overlap=how.overlap,
            batch=how.batch,
            exclusive=self.exclusive,
        )
        self._show((slice(None),) * (found.ndim - 1), found)
        return found

    def labels(self, model: TrainedModel, prepared: Prepared, how: How) -> LabelMap:
        """Hold all classes for a slab of the image at a time; mirrored copies, for all of it."""
        if not self.exclusive:
            return self.probabilities(model, prepared, how)[0]
        if how.mirror or prepared.frame is not None:  # which turns rows away from the file's
            return _plan(model).undo_labels(self.scores(model, prepared, how), prepared)
        plain = _How(model, [[]], how.overlap, how.batch)
        x = _tensor(prepared.array)
        axis = _slab_axis(plain, tuple(x.shape[1:]))
        rows = LabelRows(prepared, axis)
        for place, slab in _slabs(plain, x, []):
            rows.add(slab)
            self._show(place, slab)
        return rows.label()

    def probabilities(
        self, model: TrainedModel, prepared: Prepared, how: How
    ) -> tuple[LabelMap, Probabilities]:
        """Bring all classes back at once."""
        scores = self.scores(model, prepared, how)
        if self.exclusive:
            found = _plan(model).undo(scores, prepared)
            return found.to_labels(), found
        # one by one: outside of what was prepared no region is certain
        native = [_plan(model).undo(one[None], prepared).array[0] for one in scores]
        regions = Probabilities(np.stack(native), prepared.native)
        return _painted(regions), regions

    def _show(self, rows: tuple[slice, ...], slab: NDArray[np.float32]) -> None:
        if self.watching is not None:
            self.watching.add(rows, slab)


def predict_prepared(
    model: TrainedModel,
    array: NDArray[np.float32],
    *,
    mirror: bool = False,
    overlap: float = 0.5,
    batch: int = BATCH,
    exclusive: bool = True,
) -> NDArray[np.float32]:
    """Predict probabilities ``(K, *P)`` of a prepared image ``(C, *P)``.

    What fits into one window goes through in one pass, padded to what the network needs; more is
    covered by windows of the model's patch size that overlap and are blended by Gaussian weights.
    2D networks take volumes slice by slice. Arguments as of `HowKeywords`.

    Raises:
        InputError: Mirroring was asked of a model that has no axis to mirror.
        WorkError: Memory ran out (the message says what to try), or the output is not finite.
    """
    how = _How(model, _flips(model, mirror), overlap, batch, exclusive)
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
    exclusive: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be at least 0 and below 1, got {self.overlap}")
        if self.batch < 1:
            raise ValueError(f"batch must be at least 1, got {self.batch}")


def _flips(model: TrainedModel, mirror: bool) -> list[list[int]]:
    """Axes of the image to flip, one list per copy; the first copy is the image."""
    # the network's axes are counted without the one that slices are taken along
    plan = _plan(model)
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
    slice_axis = how.model.preparer.slice_axis
    if slice_axis is not None:
        return slice_axis
    if how.model.spec.patch is None:  # whole images go through at once
        return 0
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
    slices = how.model.preparer.slice_axis is not None
    with untouched(how.model.net), torch.inference_mode():
        shown = x.flip([1 + a for a in flips]) if flips else x
        first = 0
        for part in shown.movedim(1 + axis, 0).split(how.batch) if slices else [shown[None]]:
            passed = _image_slabs(how, part.to(how.model.device), 0 if slices else axis)
            for logits in [torch.cat(list(passed), 2)] if slices else passed:
                own = logits.movedim(0, 1 + axis) if slices else logits[0]
                found = _probabilities(own, exclusive=how.exclusive)
                count, side = found.shape[1 + axis], x.shape[1 + axis]
                begin = side - first - count if axis in flips else first
                rows = [slice(None)] * (x.ndim - 1)
                rows[axis] = slice(begin, begin + count)
                if flips:
                    found = found.flip([1 + a for a in flips])
                yield tuple(rows), np.ascontiguousarray(found.cpu().numpy())
                first += count


def _probabilities(logits: Tensor, *, exclusive: bool) -> Tensor:
    alone = len(logits) == 1 or not exclusive
    found = torch.sigmoid(logits) if alone else logits.softmax(0)
    if not found.isfinite().all():
        # the largest of NaNs would come out as background: wrong without a word
        raise WorkError(
            "the network's output is not finite for this image: its intensities are "
            "extreme (see segscope data inspect), or the training diverged"
        )
    return found


def _image_slabs(how: _How, x: Tensor, axis: int) -> Iterator[Tensor]:
    """Logits ``(N, K, ...)`` of images ``(N, C, *P)`` in slabs along an axis, in order."""
    net, patch, sides = _net(how.model), how.model.spec.patch, tuple(x.shape[2:])
    if patch is None or (net.fixed is None and _in_one_pass(sides, patch)):
        before = [0 if net.pads_after else None] * len(sides)
        yield _unpad(_forward(how.model, _pad(x, net.padded(sides), before)), sides, before)
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
    patch = how.model.spec.patch
    assert patch is not None  # else whole images go through
    return _net(how.model).padded(patch)


def _net(model: TrainedModel) -> Segmenter:
    return cast(Segmenter, model.net)


def _plan(model: TrainedModel) -> Plan:
    return cast(Plan, model.preparer)


def _painted(regions: Probabilities) -> LabelMap:
    """Write regions one after the other: region k as k + 1."""
    label = np.zeros(regions.grid.shape, np.uint8 if len(regions.array) < 256 else np.uint16)
    for value, region in enumerate(regions.array, start=1):
        label[region > 0.5] = value
    return LabelMap(label, regions.grid)


def _forward(model: TrainedModel, x: Tensor) -> Tensor:
    # on a processor a batch falls out of its caches: one by one is faster, and takes less memory
    parts = x.split(1) if x.device.type == "cpu" else [x]
    with torch.autocast(x.device.type, torch.bfloat16, enabled=model.bf16):
        logits = torch.cat(list(map(model.net, parts)))
    return logits.float()


def _pad(x: Tensor, sides: Sequence[int], told: Sequence[int | None]) -> Tensor:
    """Repeat the border; what is not told to come before is half of it."""
    widths: list[int] = []
    for have, want, first in zip(reversed(x.shape[2:]), reversed(sides), told, strict=True):
        before = (want - have) // 2 if first is None else first
        widths += [before, want - have - before]
    return torch.nn.functional.pad(x, widths, mode="replicate") if any(widths) else x


def _unpad(x: Tensor, sides: tuple[int, ...], told: Sequence[int | None]) -> Tensor:
    window = []
    for have, want, first in zip(x.shape[2:], sides, told, strict=True):
        before = (have - want) // 2 if first is None else first
        window.append(slice(before, before + want))
    return x[(slice(None), slice(None), *window)]
