"""Linear interpolation between grids as one small matrix per axis, and its exact transpose.

torch's linear interpolation (align_corners=False) is separable and linear: along each axis it
multiplies by a matrix with two numbers per row that sum to one. Its transpose pools a weight on the
fine grid to the coarse one such that sum(w * up(f)) = sum(pool(w) * f), exactly.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def upsample(x: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate ``(N, C, *s)`` linearly to ``(N, C, *size)``, align_corners=False.

    Example:
        >>> upsample(torch.tensor([[[0.0, 1.0]]]), (4,)).tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
    """
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return functional.interpolate(x, tuple(size), mode=_MODES[x.ndim - 2], align_corners=False)


def pool_transposed(w: Tensor, size: Sequence[int]) -> Tensor:
    """Apply the transpose of `upsample` from ``size`` to ``w``'s grid: ``(N, C, *S)`` to ``size``.

    Example:
        >>> pool_transposed(torch.tensor([[[1.0, 1.0, 0.0, 0.0]]]), (2,)).tolist()
        [[[1.75, 0.25]]]
    """
    for axis, (fine, coarse) in enumerate(zip(w.shape[2:], size, strict=True), start=2):
        if fine != coarse:
            matrix = _matrix(coarse, fine).to(w.device, w.dtype)
            w = (w.movedim(axis, -1) @ matrix).movedim(-1, axis)
    return w


@lru_cache(maxsize=256)
def _matrix(coarse: int, fine: int) -> Tensor:
    """Rows: fine positions, columns: coarse ones; made by the very operator, on unit vectors."""
    with torch.no_grad(), torch.inference_mode(False):
        unit = torch.eye(coarse, dtype=torch.float64)[:, None]
        return functional.interpolate(unit, fine, mode="linear", align_corners=False)[:, 0].T
