"""What one image is like, measured while it is in memory: geometry and intensities."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid, Image, ImageFacts, Intensities

VOXELS = 10_000
_PERCENTILES = (0.5, 5.0, 25.0, 50.0, 75.0, 95.0, 99.5)
_CODES = ("LR", "PA", "IS")
# evenly spread whatever the rows' length: multiples of the golden ratio, as fractions of 2^32
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FRACTIONS = np.sort((np.arange(VOXELS, dtype=np.uint64) * _GOLDEN) >> np.uint64(32))


def image_facts(name: str, image: Image) -> ImageFacts:
    """Measure an image.

    Lowest and highest values are exact, percentiles are those of 10,000 voxels (always the same
    ones for a number of voxels; all voxels where there are fewer), so that it takes a small part of
    the time that reading the file does.

    Example:
        >>> image = Image(np.arange(101.0).reshape(1, 101, 1), Grid.from_spacing((101, 1)))
        >>> facts = image_facts("ramp", image)
        >>> facts.channels[0].median, facts.channels[0].highest
        (50.0, 100.0)
    """
    shape, spacing = ras_geometry(image.grid)
    size = image.array[0].size
    places = None
    if size > VOXELS:
        places = ((_FRACTIONS * np.uint64(size)) >> np.uint64(32)).view(np.int64)
    samples = [_at(channel, places) for channel in image.array]
    return ImageFacts.model_construct(  # of what is known to be right: nothing to check
        name=name,
        shape=shape,
        spacing_mm=spacing,
        orientation=orientation_of(image.grid),
        modality=image.modality,
        channels=tuple(map(_intensities, image.array, samples)),
        twins=tuple(
            (one, other)
            for one, other in combinations(range(len(samples)), 2)
            if np.array_equal(samples[one], samples[other]) and np.ptp(samples[one])
        ),
    )


def _at(channel: NDArray[Any], places: NDArray[np.int64] | None) -> NDArray[Any]:
    """Take voxels by their number; flattening is free only where memory has no gaps."""
    if places is None:
        return channel.ravel(order="K")
    if channel.flags.forc:
        return channel.ravel(order="K")[places]
    return channel[np.unravel_index(places, channel.shape)]


def _intensities(channel: NDArray[Any], sample: NDArray[Any]) -> Intensities:
    ordered = np.sort(sample)
    last = len(ordered) - 1
    found = [float(ordered[round(p / 100 * last)]) for p in _PERCENTILES]
    return Intensities.model_construct(
        lowest=float(channel.min()), highest=float(channel.max()), percentiles=tuple(found)
    )


def orientation_of(grid: Grid) -> str:
    """Name the axes as NIfTI tools do, e.g. ``RAS``; empty for plane images."""
    if grid.ndim != 3:
        return ""
    axes = closest_axes(grid)
    return "".join(_CODES[axis][int(grid.affine[axis, k] > 0)] for k, axis in enumerate(axes))


def ras_geometry(grid: Grid) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing with axes in the order closest to RAS; plane images stay as they are.

    Example:
        >>> affine = np.diag([1.0, 2.0, 3.0, 1.0])[[2, 1, 0, 3]]
        >>> ras_geometry(Grid((10, 20, 30), affine))
        ((30, 20, 10), (3.0, 2.0, 1.0))
    """
    if grid.ndim != 3:
        return grid.shape, grid.spacing_mm
    order = np.argsort(closest_axes(grid)).tolist()
    spacing = grid.spacing_mm
    return tuple(grid.shape[k] for k in order), tuple(spacing[k] for k in order)


def closest_axes(grid: Grid) -> list[int]:
    """Which world axis (0 right, 1 anterior, 2 superior) each array axis of a volume is closest to.

    Example:
        >>> closest_axes(Grid((2, 3, 4), np.diag([1.0, 2.0, 3.0, 1.0])[[2, 0, 1, 3]]))
        [1, 2, 0]
    """
    axes: list[int] = np.abs(grid.directions).argmax(axis=0).tolist()
    if len(set(axes)) < grid.ndim:  # so oblique that two axes share one: the best assignment
        import nibabel as nib

        return [int(axis) for axis in nib.io_orientation(grid.affine)[:, 0]]
    return axes
