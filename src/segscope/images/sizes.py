"""How large what a label map holds is: voxels, connected pieces, millilitres."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images.components import number_runs
from segscope.images.grid import Grid


@dataclass(frozen=True)
class LabelSize:
    """What a label map holds of one label.

    Args:
        voxels: In all.
        components: Pieces that do not touch, not even at a corner.
        largest: Voxels of the largest piece.
    """

    voxels: int
    components: int
    largest: int


@dataclass(frozen=True)
class Unit:
    """In what sizes on a grid are said.

    Args:
        name: ``volume_ml`` or ``area_mm2``; empty where voxels are all that is known.
        short: As a person writes it.
        per_voxel: Of one voxel.
    """

    name: str
    short: str
    per_voxel: float


def measure_labels(labels: NDArray[Any], values: Iterable[int]) -> dict[int, LabelSize]:
    """Measure labels of a map ``(*S)``; one that it does not hold has the size 0.

    Example:
        >>> measure_labels(np.array([[1, 0, 1, 1], [0, 0, 1, 0]]), [1, 2])[1]
        LabelSize(voxels=4, components=2, largest=3)
    """
    # signed, as the boxes are found in such arrays alone
    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False))
    found = {}
    for value in values:
        box = boxes[value - 1] if 0 < value <= len(boxes) else None
        found[value] = LabelSize(0, 0, 0) if box is None else _measure(labels[box] == value)
    return found


def _measure(mask: NDArray[np.bool_]) -> LabelSize:
    runs, numbers, count = number_runs(mask)
    sizes = np.bincount(numbers, weights=runs.stops - runs.starts, minlength=1)
    return LabelSize(int(sizes.sum()), count, int(sizes.max()))


def unit_of(grid: Grid, *, spacing_known: bool) -> Unit:
    """Say sizes in millilitres; of planes in mm², in voxels where no spacing is known.

    Args:
        grid: A volume with a single slice is a plane: its thickness says nothing.
        spacing_known: Whether the file says how far its voxels are apart.

    Example:
        >>> unit_of(Grid.from_spacing((9, 9, 9), (1.0, 2.0, 5.0)), spacing_known=True)
        Unit(name='volume_ml', short='ml', per_voxel=0.01)
        >>> unit_of(Grid.from_spacing((9, 9, 1), (0.5, 0.5, 5.0)), spacing_known=True)
        Unit(name='area_mm2', short='mm²', per_voxel=0.25)
    """
    if not spacing_known:
        return Unit("", "pixels" if _is_plane(grid) else "voxels", 1.0)
    sides = grid.affine[: grid.ndim, : grid.ndim]
    if not _is_plane(grid):
        return Unit("volume_ml", "ml", abs(float(np.linalg.det(sides))) / 1000)
    first, second = [k for k in range(grid.ndim) if grid.ndim == 2 or grid.shape[k] > 1]
    a, b = sides[:, first], sides[:, second]
    # the area that two vectors span, in a space of any number of axes
    return Unit("area_mm2", "mm²", float(np.sqrt((a @ a) * (b @ b) - (a @ b) ** 2)))


def _is_plane(grid: Grid) -> bool:
    return grid.ndim == 2 or grid.shape.count(1) == 1
