"""Where the voxels of an array lie in space.

Array axis ``k`` belongs to column ``k`` of the affine; world coordinates are millimetres in the
RAS+ frame of NIfTI (x to the patient's right, y to anterior, z to superior). Plane images without
a position (PNG and the like) have rows and columns as axes and a unit affine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NARROWEST = 1e-6
"""Least singular value of unit axes: two float32 columns that lie on one line come to 1e-7."""
_LENGTHS = (1e-100, 1e100)
"""Within these, squares of lengths are numbers too."""


def is_invertible(affine: ArrayLike) -> bool:
    """Whether an affine maps every voxel to a place of its own; the one rule for all formats.

    All its numbers are finite, its last row is (0, ..., 0, 1), no axis has the length 0, and no
    axis lies in the plane of the others. Each axis is measured by its own length first, so that
    neither small nor unequal spacings count as singular.

    Args:
        affine: ``(n + 1, n + 1)``, homogeneous.

    Example:
        >>> is_invertible(np.diag([1e-6, 1e-6, 1e-6, 1.0])), is_invertible(np.diag([1e9, 1, 1, 1]))
        (True, True)
        >>> is_invertible([[1, 1e30, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
        False
    """
    whole = np.asarray(affine, np.float64)
    n = len(whole) - 1
    if not np.isfinite(whole).all() or whole[n].tolist() != [*[0.0] * n, 1.0]:
        return False
    linear = whole[:n, :n]
    largest = np.abs(linear).max(axis=0)
    if (largest < _LENGTHS[0]).any() or (np.abs(whole) > _LENGTHS[1]).any():
        return False
    unit = linear / largest
    unit /= _lengths(unit)
    apart = np.abs(unit.T @ unit)  # ones and the cosines between axes
    if (apart.sum(axis=0) < 1.5).all():  # Gershgorin: then no singular value is below 0.7
        return True
    return bool(np.linalg.svd(unit, compute_uv=False)[-1] > _NARROWEST)


def _lengths(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of each column; np.linalg.norm's own formula without its bookkeeping."""
    lengths: NDArray[np.float64] = np.sqrt((columns * columns).sum(axis=0))
    return lengths


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape of an array and the affine from voxel indices to world millimetres.

    Args:
        shape: Number of voxels along each array axis, ``(*S)``.
        affine: ``(n + 1, n + 1)``, homogeneous; invertible.

    Example:
        >>> grid = Grid.from_spacing((4, 5, 6), (1.0, 1.0, 3.0))
        >>> grid.spacing_mm, grid.ndim
        ((1.0, 1.0, 3.0), 3)
        >>> grid.to_world([[0, 0, 2]]).tolist()
        [[0.0, 0.0, 6.0]]
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.shape)
        affine = np.asarray(self.affine, np.float64)
        if affine.shape != (n + 1, n + 1):
            raise ValueError(
                f"affine must be {n + 1} x {n + 1} for a shape of {n} axes, got {affine.shape}"
            )
        if not is_invertible(affine):
            raise ValueError(f"affine must be finite and invertible, got {affine.tolist()}")
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls, shape: Sequence[int], spacing_mm: Sequence[float] | None = None
    ) -> "Grid":
        """Make a grid with axes along the world's, its first voxel at the origin."""
        spacing = [1.0] * len(shape) if spacing_mm is None else list(spacing_mm)
        return cls(tuple(shape), np.diag([*spacing, 1.0]))

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.shape)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels along each array axis, in mm."""
        n = self.ndim
        return tuple(_lengths(self.affine[:n, :n]).tolist())

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors of the array axes in the world, as columns ``(n, n)``."""
        n = self.ndim
        return self.affine[:n, :n] / np.asarray(self.spacing_mm)

    def to_world(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Map voxel indices ``(..., n)`` to world points in mm ``(..., n)``."""
        n = self.ndim
        return np.asarray(indices, np.float64) @ self.affine[:n, :n].T + self.affine[:n, n]

    def to_voxel(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Map world points in mm ``(..., n)`` to (fractional) voxel indices ``(..., n)``."""
        n = self.ndim
        shifted = np.asarray(points_mm, np.float64) - self.affine[:n, n]
        return shifted @ np.linalg.inv(self.affine[:n, :n]).T

    def displacement_mm(self, other: "Grid") -> float:
        """Largest distance between corresponding corner voxels of two grids, in mm.

        Infinite when the shapes differ.
        """
        if self.shape != other.shape:
            return float("inf")
        corners = np.array(list(product(*((0, s - 1) for s in self.shape))))
        apart = self.to_world(corners) - other.to_world(corners)
        return float(np.linalg.norm(apart, axis=1).max())

    def matches(self, other: "Grid", *, tolerance_voxels: float = 0.1) -> bool:
        """Whether no corner lies further than a share of the smallest voxel side from its twin."""
        return self.displacement_mm(other) <= tolerance_voxels * min(self.spacing_mm)
