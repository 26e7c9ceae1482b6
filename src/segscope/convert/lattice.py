"""An array put into another grid whose voxels lie on the same places: moved, never resampled."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid

_OFF_VOXELS = 0.1
"""How far a voxel may lie from its place in the other grid; as `Grid.matches` has it."""


@dataclass(frozen=True)
class Placing:
    """How an array is turned, and where it begins in a grid.

    Args:
        order: The array's axes in the order of the grid's.
        turned: Which of the grid's axes the array runs along backwards.
        start: Its first voxel in the grid, may lie before it.
    """

    order: tuple[int, ...]
    turned: tuple[bool, ...]
    start: tuple[int, ...]

    @property
    def moves(self) -> bool:
        """Whether anything but the size may differ."""
        return any(self.turned) or any(self.start) or self.order != tuple(range(len(self.order)))


def find_placing(shape: tuple[int, ...], affine: NDArray[np.float64], grid: Grid) -> Placing:
    """Find where an array's voxels lie in a grid.

    Axes may be in another order and run the other way, and the array may be smaller or larger.

    Args:
        shape: Of the array.
        affine: From its indices to millimetres.
        grid: Where it shall go.

    Raises:
        ValueError: Its voxels lie between the grid's.

    Example:
        >>> grid = Grid.from_spacing((4, 5, 6), (1, 1, 2))
        >>> cut = np.diag([1.0, -1.0, 2.0, 1.0])
        >>> cut[:3, 3] = 1, 3, 4
        >>> find_placing((2, 2, 2), cut, grid)
        Placing(order=(0, 1, 2), turned=(False, True, False), start=(1, 2, 2))
    """
    to_grid = np.linalg.inv(grid.affine) @ affine
    steps = np.rint(to_grid[:3, :3])
    if not np.array_equal(np.abs(steps).sum(0), [1] * 3) or not np.array_equal(
        np.abs(steps).sum(1), [1] * 3
    ):
        raise ValueError("its axes or spacings are not those of the image")
    corners = np.array(list(product(*((0, side - 1) for side in shape))), np.float64)
    exact = corners @ to_grid[:3, :3].T + to_grid[:3, 3]
    whole = corners @ steps.T + np.rint(to_grid[:3, 3])
    off = float(np.abs(exact - whole).max())
    if off > _OFF_VOXELS:
        raise ValueError(f"its voxels lie up to {off:.2f} voxels off those of the image")
    order = tuple(int(k) for k in np.abs(steps).argmax(axis=1))
    turned = tuple(bool(steps[axis, k] < 0) for axis, k in enumerate(order))
    return Placing(order, turned, tuple(int(v) for v in whole.min(axis=0)))


def put(target: NDArray[Any], array: NDArray[Any], placing: Placing) -> None:
    """Write an array's values other than 0 into a larger one.

    Raises:
        ValueError: Some of them lie outside.
    """
    turned = array.transpose(placing.order)
    turned = turned[tuple(slice(None, None, -1 if t else None) for t in placing.turned)]
    start = np.array(placing.start)
    low = np.clip(start, 0, target.shape)
    high = np.clip(start + turned.shape, low, target.shape)
    kept = turned[tuple(map(slice, low - start, high - start))]
    if outside := int(np.count_nonzero(turned)) - int(np.count_nonzero(kept)):
        raise ValueError(f"{outside} of its voxels lie outside of the image")
    part = target[tuple(map(slice, low, high))]
    part[kept != 0] = kept[kept != 0]


def placed(array: NDArray[Any], affine: NDArray[np.float64], grid: Grid) -> NDArray[Any]:
    """Return a label map's values on a grid, 0 where it says nothing.

    Raises:
        ValueError: As of `find_placing` and `put`.

    Example:
        >>> grid = Grid.from_spacing((3, 1, 1))
        >>> turned = np.diag([-1.0, 1, 1, 1])
        >>> turned[0, 3] = 2
        >>> placed(np.array([1, 2]).reshape(2, 1, 1), turned, grid).ravel().tolist()
        [0, 2, 1]
    """
    target = np.zeros(grid.shape, array.dtype)
    put(target, array, find_placing(array.shape, affine, grid))
    return target
