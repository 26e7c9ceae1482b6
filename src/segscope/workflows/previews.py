"""Pictures of predictions: the planes that show the most of each label, with outlines and names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid, Image, LabelMap
from segscope.images.components import bounding_box
from segscope.images.overlay import View
from segscope.preprocessing import orientation_to_ras, reorient, reorient_grid

_PLANES = (("sagittal", "APSI"), ("coronal", "RLSI"), ("axial", "RLAP"))
"""Planes across the axes R, A and S, and what lies at their sides, as radiologists see them."""
_MOST = 3
_SHOWN = 0.5
_SAMPLES = 1_000_000
_MARGIN = 0.1


def views_of(image: Image, label: LabelMap, values: Sequence[int]) -> list[View]:
    """Choose the planes of a case that are worth a look, and make them ready to be drawn.

    A plane image (a photograph, say) is shown whole. Of a volume three planes through the largest
    areas are shown, as radiologists see them: the patient's right at the left. Across the axis with
    the thickest slices there are as many as needed (three at most), so that of each label at least
    half of its largest area is seen.

    Args:
        image: Of the case.
        label: On the same grid.
        values: Of the labels; the first is number 1 of the views, and so on.
    """
    numbers = _numbered(label.array, values)
    window = _window(image.array, numbers)
    if label.grid.ndim == 2:
        rows_mm, columns_mm = label.grid.spacing_mm
        return [View(_shown(image.array, window), numbers, (rows_mm, columns_mm))]
    turn = orientation_to_ras(label.grid)
    grid = reorient_grid(label.grid, turn)
    picture, numbers = reorient(image.array, turn), reorient(numbers, turn)
    views = []
    for rank, axis in enumerate(_axes(grid)):
        areas = _areas(numbers, axis, len(values))
        for place in chosen_slices(areas, most=_MOST if rank == 0 else 1):
            views.append(_view(picture, numbers, grid, window, (axis, place)))
    return views


def chosen_slices(areas: NDArray[np.integer[Any]], *, most: int) -> list[int]:
    """Choose the slices that show at least half of each label's largest area, where that can be.

    The first one shows the most of all labels together, each as a share of its own largest area.

    Args:
        areas: ``(labels, slices)``.
        most: Slices.

    Returns:
        In order; the middle one where there is no label.

    Example:
        >>> chosen_slices(np.array([[0, 9, 8, 0, 0], [0, 0, 2, 1, 0]]), most=3)
        [2]
        >>> chosen_slices(np.array([[9, 1, 0], [0, 0, 7]]), most=3)
        [0, 2]
    """
    left = areas[areas.any(1)]
    if not len(left):
        return [areas.shape[1] // 2]
    shares = left / left.max(1, keepdims=True)
    chosen: list[int] = []
    while len(shares) and len(chosen) < most:
        best = int(shares.sum(0).argmax())
        chosen.append(best)
        shares = shares[shares[:, best] < _SHOWN]
    return sorted(chosen)


def _numbered(labels: NDArray[Any], values: Sequence[int]) -> NDArray[np.uint16]:
    """Number labels from 1 in the order of ``values``; others are left out."""
    table = np.zeros(max([int(labels.max(initial=0)), *values]) + 1, np.uint16)
    for number, value in enumerate(values, 1):
        table[value] = number
    return table[labels]


def _axes(grid: Grid) -> list[int]:
    """Axes across which there is a plane to see, the one with the thickest slices first."""
    seen = [k for k in range(3) if all(grid.shape[j] > 1 for j in range(3) if j != k)]
    seen = seen or [int(np.argmin(grid.shape))]
    # the body's long axis first among equals
    return sorted(seen, key=lambda k: (-round(grid.spacing_mm[k], 3), -k))


def _areas(numbers: NDArray[np.uint16], axis: int, labels: int) -> NDArray[np.int64]:
    """Count each label's voxels slice by slice, ``(labels, slices)``."""
    counts = np.zeros((numbers.shape[axis], labels + 1), np.int64)
    box = bounding_box(numbers)
    if box is not None:
        inside = numbers[box]
        for k in range(inside.shape[axis]):
            plane = inside.take(k, axis).ravel()
            counts[box[axis].start + k] = np.bincount(plane, minlength=labels + 1)
    return counts[:, 1:].T


def _view(
    array: NDArray[Any],
    numbers: NDArray[np.uint16],
    grid: Grid,
    window: tuple[float, float] | None,
    slice_: tuple[int, int],
) -> View:
    """Cut a plane out of a volume in RAS, and turn it as radiologists see it."""
    axis, place = slice_
    name, sides = _PLANES[axis]
    across, up = (k for k in range(3) if k != axis)
    picture, labels = (
        np.swapaxes(one.take(place, axis - 3), -1, -2)[..., ::-1, ::-1] for one in (array, numbers)
    )
    return View(
        _shown(picture, window),
        labels,
        (grid.spacing_mm[up], grid.spacing_mm[across]),
        f"{name}, slice {place + 1} of {grid.shape[axis]}",
        sides,
    )


def _shown(plane: NDArray[Any], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Bring a plane ``(C, rows, columns)`` to 8 bits: colours last, else the first channel."""
    picture = np.moveaxis(plane, 0, -1) if len(plane) == 3 else plane[0]
    if window is None:
        return picture
    low, high = window
    scaled = (picture.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
    grey: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return grey


def _window(array: NDArray[Any], numbers: NDArray[np.uint16]) -> tuple[float, float] | None:
    """What is dark and what is bright; None of pictures of 8 bits, which stay as they are.

    The 0.5 and the 99.5 percentile around what was found: of a CT that is the window in which the
    organ was segmented, be it liver or lung.
    """
    if array.dtype == np.uint8:
        return None
    box: Any = (slice(0, 3 if len(array) == 3 else 1), *_around(numbers))
    near = array[box]
    step = max(1, round((near.size / _SAMPLES) ** (1 / numbers.ndim)))
    sparse: Any = (slice(None), *(slice(None, None, step),) * numbers.ndim)
    low, high = np.percentile(near[sparse].astype(np.float32), [0.5, 99.5])
    return float(low), float(high)


def _around(numbers: NDArray[np.uint16]) -> tuple[slice, ...]:
    """The box around all labels and a little more; everything where there is none."""
    box = bounding_box(numbers)
    if box is None:
        return (slice(None),) * numbers.ndim
    margins = [max(4, round(_MARGIN * (one.stop - one.start))) for one in box]
    return tuple(
        slice(max(0, one.start - more), one.stop + more)
        for one, more in zip(box, margins, strict=True)
    )
