"""DICOM SEG: binary, fractional with a threshold, or a map of labels; a frame at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.convert.lattice import find_placing, put
from segscope.convert.segments import Segment
from segscope.errors import InputError
from segscope.images import Grid

_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def seg_names(found: Any) -> list[str]:
    """Labels of the segments; those of a label map's background are none."""
    return list(_numbered(found).values())


def read_seg(file: Path, found: Any, grid: Grid, threshold: float | None) -> list[Segment]:
    """Put every frame of a SEG onto the image's grid.

    Args:
        file: For messages.
        found: Its data set.
        grid: Of the image.
        threshold: For fractional ones, of the largest value that they may have.

    Raises:
        InputError: Fractional without a threshold, a kind that is not known, or frames whose
            pixels are not the image's.
    """
    kind = str(found.get("SegmentationType", ""))
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise InputError(f"{file}: is a segmentation of the type {kind!r}, which is not known")
    if kind == "FRACTIONAL" and threshold is None:
        raise InputError(
            f"{file}: holds shares of voxels (FRACTIONAL); say from which share on a voxel belongs "
            "to its segment: --set threshold=0.5"
        )
    least = 1.0
    if kind == "FRACTIONAL":
        least = (threshold or 0.0) * float(found.MaximumFractionalValue)
    names = _numbered(found)
    masks = {number: np.zeros(grid.shape, bool) for number in names}
    for plane, affine, number in _frames(file, found, grid):
        try:
            placing = find_placing(plane.shape, affine, grid)
            if kind == "LABELMAP":
                for value in set(np.unique(plane).tolist()) - {0}:
                    put(_of(file, masks, value), plane == value, placing)
            else:
                put(_of(file, masks, number), plane >= least, placing)
        except ValueError as error:
            raise InputError(
                f"{file}: {error}; take the series that it was made on (a SEG of a resampled image "
                "belongs to that image)"
            ) from None
    said = (f"fractional, cut at {threshold:g}",) if kind == "FRACTIONAL" else ()
    return [Segment(name, masks[number], said) for number, name in names.items()]


def _numbered(found: Any) -> dict[int, str]:
    segments = {}
    for one in found.get("SegmentSequence") or ():
        number = int(one.SegmentNumber)
        segments[number] = str(one.get("SegmentLabel") or f"segment_{number}")
    segments.pop(0, None)  # the background of a label map
    return segments


def _of(file: Path, masks: dict[int, NDArray[np.bool_]], number: int | None) -> NDArray[np.bool_]:
    if number not in masks:
        raise InputError(f"{file}: a frame is of segment {number}, which it does not describe")
    return masks[number]


def _frames(
    file: Path, found: Any, grid: Grid
) -> Iterator[tuple[NDArray[Any], NDArray[np.float64], int | None]]:
    """Each frame as ``(i, j, 1)``, the affine of its voxels, and its segment's number."""
    pixels = found.pixel_array
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    shared = (found.get("SharedFunctionalGroupsSequence") or [None])[0]
    groups = found.get("PerFrameFunctionalGroupsSequence") or ()
    if len(groups) != len(pixels):
        raise InputError(f"{file}: has {len(pixels)} frames and describes {len(groups)}")
    for plane, group in zip(pixels, groups, strict=True):
        place = _group(file, shared, group, "PlanePositionSequence")
        turn = _group(file, shared, group, "PlaneOrientationSequence")
        size = _group(file, shared, group, "PixelMeasuresSequence")
        own = _group(file, shared, group, "SegmentIdentificationSequence", needed=False)
        affine = _affine(
            place.ImagePositionPatient, turn.ImageOrientationPatient, size.PixelSpacing, grid
        )
        number = None if own is None else int(own.ReferencedSegmentNumber)
        yield plane.T[..., None], affine, number


def _group(file: Path, shared: Any, own: Any, name: str, *, needed: bool = True) -> Any:
    for group in (own, shared):
        if group is not None and group.get(name):
            return group.get(name)[0]
    if needed:
        raise InputError(f"{file}: a frame has no {name}, so its place is not known")
    return None


def _affine(position: Any, orientation: Any, spacing: Any, grid: Grid) -> NDArray[np.float64]:
    """Of one plane; across it a step of the image's own, as a plane has none."""
    cosines = np.asarray(orientation, np.float64).reshape(2, 3)
    between_rows, between_columns = (float(v) for v in spacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = cosines[0] * between_columns, cosines[1] * between_rows
    affine[:3, 3] = np.asarray(position, np.float64)
    affine[:3] = _TO_RAS @ affine[:3]
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    axis = int(np.abs(normal / np.linalg.norm(normal) @ grid.directions).argmax())
    affine[:3, 2] = grid.affine[:3, axis]
    return affine
