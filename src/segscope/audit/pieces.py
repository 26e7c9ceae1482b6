"""A case as batches that a network can take: whole, in slices, or in windows side by side.

Sides are padded by repeating the edge; a tissue mask keeps the padding out of every sum.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_WHOLE = 1.25
"""An image up to this many windows wide goes through whole, as in prediction."""


@dataclass(frozen=True)
class Pieces:
    """One case, cut up.

    Args:
        image: ``(N, C, *P)``.
        truth: ``(N, 1, *P)`` label indices, or None.
        tissue: ``(N, 1, *P)``: 0 where padded; None where nothing is.
        shape: Of the case before, ``(*S)``.
        slice_axis: Axis of the case that slices were taken along, or None.
        grid: Windows along each axis; ones where the case went through whole.
    """

    image: Tensor
    truth: Tensor | None
    tissue: Tensor | None
    shape: tuple[int, ...]
    slice_axis: int | None
    grid: tuple[int, ...]

    def joined(self, maps: Tensor) -> Tensor:
        """Put maps of the pieces ``(N, K, *P)`` together to ``(K, *S)``.

        Example:
            >>> pieces = prepare_pieces(torch.rand(1, 5, 6), None, patch=(2, 4), multiple=(2, 2))
            >>> bool(torch.equal(pieces.joined(pieces.image), pieces.joined(pieces.image)))
            True
            >>> pieces.joined(pieces.image).shape
            torch.Size([1, 5, 6])
        """
        dims, k, sides = len(self.grid), maps.shape[1], maps.shape[2:]
        planes = [n for axis, n in enumerate(self.shape) if axis != self.slice_axis]
        x = maps.reshape(-1, *self.grid, k, *sides)
        order = [0, 1 + dims, *(axis for d in range(dims) for axis in (1 + d, 2 + dims + d))]
        x = x.permute(order).reshape(
            len(x), k, *(count * side for count, side in zip(self.grid, sides, strict=True))
        )
        x = x[(slice(None), slice(None), *(slice(0, n) for n in planes))]
        return x[0] if self.slice_axis is None else x.movedim(0, 1 + self.slice_axis)


def prepare_pieces(
    image: Tensor,
    truth: Tensor | None,
    *,
    patch: Sequence[int] | None = None,
    multiple: Sequence[int] | None = None,
    fixed: bool = False,
    slice_axis: int | None = None,
) -> Pieces:
    """Cut a case up for a network.

    Args:
        image: ``(C, *S)``.
        truth: ``(1, *S)`` label indices, or None.
        patch: Window of the network; a case much larger is cut into windows that touch.
        multiple: What the sides must be multiples of.
        fixed: Every window has the sides of ``patch``.
        slice_axis: For a 2D network and a volume: the axis to take slices along.
    """
    shape = tuple(image.shape[1:])
    # of at least single precision; a network in double precision gets double
    wide = image.detach().to(torch.promote_types(image.dtype, torch.float32))
    parts = [wide[None]] + ([] if truth is None else [truth.float()[None]])
    if slice_axis is not None:
        parts = [part[0].movedim(1 + slice_axis, 0) for part in parts]
    sides = parts[0].shape[2:]
    steps = tuple(multiple or (1,) * len(sides))
    window = tuple(patch) if fixed and patch else _window(sides, patch, steps)
    grid = tuple(math.ceil(side / size) for side, size in zip(sides, window, strict=True))
    padded = [size * count for size, count in zip(window, grid, strict=True)]
    tissue = None
    if list(sides) != padded:
        ones = torch.ones(len(parts[0]), 1, *sides)
        tissue = _cut(_pad(ones, padded, "constant"), grid, window)
    cut = [_cut(_pad(part, padded, "replicate"), grid, window) for part in parts]
    return Pieces(
        image=cut[0],
        truth=cut[1].round().long() if truth is not None else None,
        tissue=tissue,
        shape=shape,
        slice_axis=slice_axis,
        grid=grid,
    )


def _window(
    sides: Sequence[int], patch: Sequence[int] | None, steps: Sequence[int]
) -> tuple[int, ...]:
    sizes = sides
    if patch is not None and any(s > _WHOLE * p for s, p in zip(sides, patch, strict=True)):
        sizes = [min(s, p) for s, p in zip(sides, patch, strict=True)]
    return tuple(math.ceil(size / step) * step for size, step in zip(sizes, steps, strict=True))


def _pad(x: Tensor, sides: Sequence[int], mode: str) -> Tensor:
    widths: list[int] = []
    for have, want in zip(reversed(x.shape[2:]), reversed(list(sides)), strict=True):
        widths += [0, want - have]
    return functional.pad(x, widths, mode=mode) if any(widths) else x


def _cut(x: Tensor, grid: Sequence[int], window: Sequence[int]) -> Tensor:
    """Cut ``(N, C, *S)`` into ``(N * windows, C, *window)``, the windows of a sample together."""
    if all(count == 1 for count in grid):
        return x
    dims, channels = len(grid), x.shape[1]
    split = [n for pair in zip(grid, window, strict=True) for n in pair]
    x = x.reshape(len(x), channels, *split)
    order = [0, *(2 + 2 * d for d in range(dims)), 1, *(3 + 2 * d for d in range(dims))]
    return x.permute(order).reshape(-1, channels, *window)
