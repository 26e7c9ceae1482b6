"""RTSTRUCT: contours in millimetres become the voxels whose middles lie inside or on them."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.convert.polygons import inside, on_outline
from segscope.convert.segments import Segment
from segscope.errors import InputError
from segscope.images import Grid

_AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OFF_SLICES = 0.1


def rtstruct_names(found: Any) -> list[str]:
    """Names of the regions of interest."""
    return [str(one.ROIName) for one in found.get("StructureSetROISequence") or ()]


def read_rtstruct(file: Path, found: Any, grid: Grid) -> list[Segment]:
    """Fill every region's contours, slice by slice: an odd number of contours around is inside.

    A middle that lies on a contour belongs to the region, so that contours which were drawn through
    the middles of a mask's outermost pixels give that mask back.

    Args:
        file: For messages.
        found: Its data set.
        grid: Of the image.

    Raises:
        InputError: Contours that enclose nothing, or do not lie on the image's slices.
    """
    names = {int(one.ROINumber): str(one.ROIName) for one in found.StructureSetROISequence}
    drawn = {int(one.ReferencedROINumber): one.get("ContourSequence") or ()
             for one in found.get("ROIContourSequence") or ()}  # fmt: skip
    return [_filled(file, name, drawn.get(number, ()), grid) for number, name in names.items()]


def _filled(file: Path, name: str, contours: Any, grid: Grid) -> Segment:
    rings: dict[tuple[int, int], list[NDArray[np.float64]]] = defaultdict(list)
    for contour in contours:
        kind = str(contour.get("ContourGeometricType", ""))
        if kind not in _AREAS:
            raise InputError(
                f"{file}: {name!r} has a contour of the type {kind or 'none'}, which encloses "
                "nothing; name it in ignore_objects"
            )
        axis, slice_, ring = _on_slice(file, name, contour.get("ContourData") or (), grid)
        rings[axis, slice_].append(ring)
    axes = {axis for axis, _ in rings}
    if len(axes) > 1:
        raise InputError(f"{file}: {name!r} is drawn on slices of different orientations")
    mask = np.zeros(grid.shape, bool)
    for (axis, slice_), own in rings.items():
        shape = [side for k, side in enumerate(grid.shape) if k != axis]
        plane = inside(own, shape) | on_outline(own, shape)
        mask[tuple(slice_ if k == axis else slice(None) for k in range(3))] = plane
    return Segment(name, mask, _notes(name, sorted(slice_ for _, slice_ in rings)))


def _notes(name: str, slices: list[int]) -> tuple[str, ...]:
    if not slices:
        return ("a region without contours",)
    left_out = slices[-1] - slices[0] + 1 - len(slices)
    return (f"{left_out} slices between contours have none, and stay empty",) if left_out else ()


def _on_slice(file: Path, name: str, data: Any, grid: Grid) -> tuple[int, int, NDArray[np.float64]]:
    """The axis and index of a contour's slice, and its corners in pixels as `inside` has them."""
    points = np.asarray([float(v) for v in data], np.float64)
    if points.size % 3 or not points.size or not np.isfinite(points).all():
        raise InputError(f"{file}: {name!r} has a contour of {points.size / 3:g} points")
    voxels = grid.to_voxel(points.reshape(-1, 3) * (-1, -1, 1))
    # the series' own slices first; contours of a reformatted plane lie along another axis
    for axis in (2, 1, 0):
        places = voxels[:, axis]
        index = int(np.rint(places.mean()))
        if np.abs(places - index).max() <= _OFF_SLICES:
            break
    else:
        raise InputError(
            f"{file}: {name!r} has a contour between the image's slices (at {places.mean():.2f}); "
            "take the series that it was drawn on"
        )
    if not 0 <= index < grid.shape[axis]:
        raise InputError(f"{file}: {name!r} has a contour on slice {index}, outside of the image")
    first, second = (k for k in range(3) if k != axis)
    return axis, index, voxels[:, [second, first]] + 0.5
