"""Windows over an image, blended, given out slab by slab as soon as nothing more will change.

The windows, their Gaussian weights and their order along each axis are those of MONAI's sliding
window; but all classes are only ever held for the rows that windows still reach, not for the whole
image, which a body of 512 x 512 x 400 voxels and ten classes would need 4 GiB for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

_SIGMA = 0.125
_LEAST_WEIGHT = 1e-3
_ROWS = 16  # of a slab


def window_starts(side: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along an axis; the last one is moved back to end with it.

    Example:
        >>> window_starts(10, 4, 0.5), window_starts(4, 4, 0.5)
        ([0, 2, 4, 6], [0])
    """
    step = max(1, int(window * (1 - overlap))) if side > window else window
    count = max(0, math.ceil((side - window) / step)) + 1
    return [min(k * step, side - window) for k in range(count)]


def gaussian_weights(window: Sequence[int]) -> Tensor:
    """Weights of a window's voxels, highest in its middle: a Gaussian of an eighth of each side.

    Example:
        >>> [round(w, 3) for w in gaussian_weights((3,)).tolist()]
        [0.029, 1.0, 0.029]
    """
    weights = torch.ones(())
    for side in window:
        x = torch.arange(side) - (side - 1) / 2
        weights = weights[..., None] * torch.exp(-x.square() / (2 * (_SIGMA * side) ** 2))
    return weights.clamp(min=max(float(weights.min()), _LEAST_WEIGHT))


@dataclass(frozen=True)
class Batch:
    """Windows that go through a network together.

    Args:
        row: Number of the windows' place along the axis of the slabs.
        places: Sample and first voxel of each.
        closes: No later window lies in this row.
    """

    row: int
    places: list[tuple[int, ...]]
    closes: bool


class Windows:
    """An image in windows, and the blending of what a network makes of these.

    Args:
        x: ``(N, C, *S)``; sides shorter than a window are padded with their border.
        window: Sides of the windows.
        overlap: Of neighbouring windows, as a share of a side, below 1.
        axis: Of the slabs, 0 for the first spatial one.

    Example:
        >>> windows = Windows(torch.arange(6.0).reshape(1, 1, 6), (4,), overlap=0.5)
        >>> slabs = [s for b in windows.batches(2) for s in windows.add(b, windows.cut(b))]
        >>> torch.cat(slabs, 2).tolist()
        [[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]]
    """

    def __init__(self, x: Tensor, window: Sequence[int], *, overlap: float, axis: int = 0) -> None:
        self._sides, self._window, self._axis = tuple(x.shape[2:]), window, axis
        self._x, self._before = _padded(x, window)
        self._weights = gaussian_weights(window).to(x.device)
        self._starts = [
            window_starts(side, size, overlap)
            for side, size in zip(self._x.shape[2:], window, strict=True)
        ]
        self._total, self._norm = torch.empty(0), torch.empty(0)

    def batches(self, batch: int) -> Iterator[Batch]:
        """All windows, as many at a time, row by row."""
        axis = self._axis
        others = [one if a != axis else [0] for a, one in enumerate(self._starts)]
        for row, start in enumerate(self._starts[axis]):
            places = [
                (sample, *(start if a == axis else at for a, at in enumerate(place)))
                for sample in range(len(self._x))
                for place in product(*others)
            ]
            for k in range(0, len(places), batch):
                yield Batch(row, places[k : k + batch], k + batch >= len(places))

    def cut(self, batch: Batch) -> Tensor:
        """Cut windows ``(n, C, *window)`` out of the image."""
        return torch.cat([_window(self._x, place, self._window) for place in batch.places])

    def add(self, batch: Batch, outputs: Tensor) -> Iterator[Tensor]:
        """Take a network's outputs ``(n, K, *window)``; yield the slabs that are done with them.

        Yields:
            ``(N, K, *S)`` with some rows along the axis, in order; those of all batches together
            are the whole.
        """
        if not self._total.numel():
            shape = [len(self._x), outputs.shape[1], *self._x.shape[2:]]
            shape[2 + self._axis] = self._window[self._axis]
            self._total = outputs.new_zeros(shape)
            self._norm = outputs.new_zeros([1, 1, *shape[2:]])
        for place, output in zip(batch.places, outputs, strict=True):
            sample, *corner = place
            corner[self._axis] = 0  # the first row of what is held
            here = _box(corner, self._window)
            self._total[sample][(slice(None), *here)] += output * self._weights
            if sample == 0:
                self._norm[0, 0][here] += self._weights
        if batch.closes:
            yield from self._finished(batch.row)

    def _finished(self, row: int) -> Iterator[Tensor]:
        """Rows that no later window reaches; what others reach moves to the front."""
        axis, starts = self._axis, self._starts[self._axis]
        depth, along, last = self._window[axis], 2 + axis, row + 1 == len(starts)
        rows = depth if last else starts[row + 1] - starts[row]
        # a few rows at a time, as whoever takes them makes copies
        for k in range(0, rows, _ROWS):
            count = min(_ROWS, rows - k)
            done = self._total.narrow(along, k, count) / self._norm.narrow(along, k, count)
            slab = _cropped(done, starts[row] + k, axis, self._before, self._sides)
            if slab.shape[along]:
                yield slab
        if not last:
            for part in (self._total, self._norm):
                kept = depth - rows
                # a copy, as the two places may overlap
                part.narrow(along, 0, kept).copy_(part.narrow(along, rows, kept).clone())
                part.narrow(along, kept, rows).zero_()


def cheapest_axis(sides: Sequence[int], window: Sequence[int]) -> int:
    """Axis along which slabs of a window's depth hold the fewest voxels.

    Example:
        >>> cheapest_axis((100, 50, 200), (32, 32, 32))
        2
    """
    volume = math.prod(sides)
    return min(range(len(sides)), key=lambda a: (volume // sides[a] * window[a], a))


def _padded(x: Tensor, window: Sequence[int]) -> tuple[Tensor, list[int]]:
    """Pad sides that are shorter than a window; also how much came before each."""
    missing = [max(0, size - side) for side, size in zip(x.shape[2:], window, strict=True)]
    before = [m // 2 for m in missing]
    widths: list[int] = []
    for first, m in zip(reversed(before), reversed(missing), strict=True):
        widths += [first, m - first]
    return (functional.pad(x, widths, mode="replicate") if any(widths) else x), before


def _window(x: Tensor, place: Sequence[int], window: Sequence[int]) -> Tensor:
    sample, *corner = place
    return x[sample : sample + 1][(slice(None), slice(None), *_box(corner, window))]


def _box(corner: Sequence[int], window: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(at, at + size) for at, size in zip(corner, window, strict=True))


def _cropped(
    done: Tensor, start: int, axis: int, before: Sequence[int], sides: Sequence[int]
) -> Tensor:
    """Cut the padding off a slab whose first row is ``start``; it may hold nothing else."""
    for a, (first, side) in enumerate(zip(before, sides, strict=True)):
        if a == axis:
            rows = done.shape[2 + a]
            low, high = (min(max(0, at - start), rows) for at in (first, first + side))
            done = done.narrow(2 + a, low, high - low)
        else:
            done = done.narrow(2 + a, first, side)
    return done
