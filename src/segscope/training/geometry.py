"""Rotation, zoom and elastic deformation of a patch in one resampling.

What turns into a patch from outside is read from the case around it: `Geometry.source_shape` says
how much of the surroundings a change needs. Only beyond the case itself is its edge repeated,
image and label alike, so that the two never contradict each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}

# turning slices out of their plane would read mostly beyond a thick-sliced patch; the threshold
# is nnU-Net's
_MOST_ANISOTROPIC = 3.0


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where each voxel of a patch is read from.

    Args:
        matrix: ``(n, n)``, from offsets to the patch's centre to offsets to the source's centre,
            in voxels.
        bends: ``(n, *coarse)`` displacements in voxels, or None for a plain affine map.

    Example:
        >>> Geometry(np.eye(2) * 2).source_shape((5, 8))
        (9, 16)
    """

    matrix: NDArray[np.float64]
    bends: NDArray[np.float32] | None = None

    def source_shape(self, patch: Sequence[int]) -> tuple[int, ...]:
        """Return the window around the patch, centred as it is, that holds all that is read."""
        half = (np.asarray(patch) - 1) / 2
        reach = np.abs(self.matrix) @ half
        if self.bends is not None:
            reach = reach + np.abs(self.bends).reshape(len(half), -1).max(1)
        margins = np.ceil(np.maximum(0, reach - half - 1e-9)).astype(int)
        return tuple(int(p + 2 * m) for p, m in zip(patch, margins, strict=True))


def rotation(angles: Sequence[float], dims: int) -> NDArray[np.float64]:
    """Turn by one angle per plane of axes, (0, 1) or (0, 1), (0, 2), (1, 2), in radians.

    Example:
        >>> rotation([math.pi / 2], 2).round().tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """
    matrix = np.eye(dims)
    for (a, b), angle in zip(planes(dims), angles, strict=True):
        turn = np.eye(dims)
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ turn
    return matrix


def planes(dims: int) -> list[tuple[int, int]]:
    """List the pairs of axes.

    Example:
        >>> planes(3)
        [(0, 1), (0, 2), (1, 2)]
    """
    return [(a, b) for a in range(dims) for b in range(a + 1, dims)]


def affine_matrix(
    angles: Sequence[float], zoom: float, voxel_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Rotate in millimetres and zoom; a zoom of 2 shows half as much, twice as large.

    Args:
        angles: Radians per plane. Planes whose voxel sides differ more than threefold stay.
        zoom: Above 0.
        voxel_mm: Sides of a voxel; only their ratios matter.

    Returns:
        ``(n, n)``, from offsets in the patch to offsets in the source, in voxels.
    """
    sides = np.asarray(voxel_mm, float)
    allowed = [
        angle if max(sides[a], sides[b]) <= _MOST_ANISOTROPIC * min(sides[a], sides[b]) else 0.0
        for (a, b), angle in zip(planes(len(sides)), angles, strict=True)
    ]
    turned: NDArray[np.float64] = rotation(allowed, len(sides)) * sides[None, :] / sides[:, None]
    return turned / zoom


def resample(
    image: Tensor, label: Tensor, geometry: Geometry, patch: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Read a patch out of a window, the image linearly and the label from the nearest voxel.

    Args:
        image: ``(C, *S)`` float32.
        label: ``(*S)`` integers.
        geometry: What is read for each voxel.
        patch: Shape of the result, centred in ``S``.

    Returns:
        ``(C, *patch)`` and ``(*patch)``.
    """
    dims = label.ndim
    sides = np.array(label.shape, float)
    # grid_sample counts axes backwards and in units of half a side
    order = list(range(dims))[::-1]
    relative = geometry.matrix * np.asarray(patch, float)[None, :] / sides[:, None]
    theta = torch.zeros(1, dims, dims + 1)
    theta[0, :, :dims] = torch.from_numpy(relative[np.ix_(order, order)])
    grid = functional.affine_grid(theta, [1, 1, *patch], align_corners=False)
    if geometry.bends is not None:
        bends = torch.from_numpy(geometry.bends)[None]
        fine = functional.interpolate(bends, tuple(patch), mode=LINEAR[dims], align_corners=True)
        per_half_side = torch.tensor(2 / sides, dtype=torch.float32)
        grid = grid + (fine[0].movedim(0, -1) * per_half_side)[..., order]
    options: dict[str, Any] = {"padding_mode": "border", "align_corners": False}
    moved = functional.grid_sample(image[None], grid, mode="bilinear", **options)
    names = functional.grid_sample(label[None, None].float(), grid, mode="nearest", **options)
    return moved[0], names[0, 0].to(label.dtype)
