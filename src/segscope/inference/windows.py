"""Windows over an image, blended, given out slab by slab as soon as nothing more will change.

The windows, their Gaussian weights and their order along each axis are those of MONAI's sliding
window; but all classes are only ever held for the rows that windows still reach, not for the whole
image, which a body of 512 x 512 x 400 voxels and ten classes would need 4 GiB for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

_SIGMA = 0.125
_LEAST_WEIGHT = 1e-3
_ROWS = 16  # of a slab

Forward = Callable[[Tensor], Tensor]


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


def slabs_of_windows(
    x: Tensor, window: Sequence[int], forward: Forward, *, overlap: float, batch: int, axis: int = 0
) -> Iterator[Tensor]:
    """Blend a network's output over windows; yield its finished slabs along an axis, in order.

    Args:
        x: ``(N, C, *S)``; sides shorter than a window are padded with their border.
        window: Sides of the windows.
        forward: From windows ``(n, C, *window)`` to outputs ``(n, K, *window)``.
        overlap: Of neighbouring windows, as a share of a side, below 1.
        batch: Windows per call.
        axis: Of the slabs, 0 for the first spatial one.

    Yields:
        ``(N, K, *S)`` with some rows along the axis; all of them together are the whole.
    """
    sides = tuple(x.shape[2:])
    x, before = _padded(x, window)
    n = len(x)
    weights = gaussian_weights(window).to(x.device)
    starts = [
        window_starts(side, size, overlap) for side, size in zip(x.shape[2:], window, strict=True)
    ]
    others = [starts[a] if a != axis else [0] for a in range(len(starts))]
    depth, along = window[axis], 2 + axis
    total, norm = torch.empty(0), torch.empty(0)
    for number, start in enumerate(starts[axis]):
        places = [
            (sample, *(start if a == axis else at for a, at in enumerate(place)))
            for sample in range(n)
            for place in product(*others)
        ]
        for k in range(0, len(places), batch):
            chosen = places[k : k + batch]
            found = forward(torch.cat([_window(x, place, window) for place in chosen]))
            if not total.numel():
                shape = [n, found.shape[1], *x.shape[2:]]
                shape[along] = depth
                total = found.new_zeros(shape)
                norm = found.new_zeros([1, 1, *shape[2:]])
            for place, output in zip(chosen, found, strict=True):
                sample, *corner = place
                corner[axis] = 0  # the first row of what is held
                here = _box(corner, window)
                total[sample][(slice(None), *here)] += output * weights
                if sample == 0:
                    norm[0, 0][here] += weights
        last = number + 1 == len(starts[axis])
        rows = depth if last else starts[axis][number + 1] - start
        # a few rows at a time, as whoever takes them makes copies
        for k in range(0, rows, _ROWS):
            count = min(_ROWS, rows - k)
            done = total.narrow(along, k, count) / norm.narrow(along, k, count)
            slab = _cropped(done, start + k, axis, before, sides)
            if slab.shape[along]:
                yield slab
        if not last:
            for part in (total, norm):
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
