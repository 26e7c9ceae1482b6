"""Which axes of a NRRD file are those of space, and where they lie."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.header import ONE_SLICE
from segscope.data.decoders.nrrd_space import LPS, affine_in_space, read_directions, read_space
from segscope.data.decoders.nrrd_values import UNKNOWN, in_mm, reals, strings, words_of
from segscope.errors import InputError

NO_SPACING = "its header gives no spacing; 1 mm is assumed"
_OF_SPACE = ("domain", "space", *UNKNOWN)
_OF_VALUES = ("list", "point", "vector", "contravariant-vector", "covariant-vector", "normal",
              "stub", "scalar", "time")  # fmt: skip
_SEVERAL = re.compile(
    r"complex|[234]-vector|3-gradient|3-normal|[34]-color|(rgba?|hsv|xyz)(-?color)?|quaternion"
    r"|[23]d-(masked-)?((sym|symmetric)-)?(matrix|tensor)"
)
_CENTERS = ("cell", "node", *UNKNOWN)
_AGREE = 1e-4


@dataclass(frozen=True)
class Axes:
    """The axes of space of a NRRD file.

    Args:
        spatial: Their numbers among all axes, two of a single slice; the others have one sample.
        affine: From their indices to RAS+ millimetres.
        notes: What had to be assumed or was converted.
    """

    spatial: tuple[int, ...]
    affine: NDArray[np.float64]
    notes: tuple[str, ...]


def read_axes(path: Path, fields: dict[str, str], sizes: Sequence[int]) -> Axes:
    """Find the axes of space, three or those of a single slice, and their affine.

    Raises:
        InputError: Several values per voxel, not that many axes of space, or a geometry that the
            format does not allow.
    """
    kinds = words_of(path, fields, "kinds", len(sizes), None)
    centers = words_of(path, fields, "centerings", len(sizes), _CENTERS)
    space = read_space(path, fields)
    if space and (space.count == 2) != (len(sizes) == 2):
        raise InputError(
            f"{path}: has {len(sizes)} dimensions in a space of {space.count}; convert it to a "
            "volume"
        )
    vectors = read_directions(path, fields, len(sizes), space.count) if space else None
    spatial = _spatial(path, sizes, kinds, vectors)
    notes = space.notes if space else ()
    if len(spatial) < len(sizes):
        notes = (f"squeezed from {len(sizes)} dimensions to 3", *notes)
    if space and vectors:
        affine, more = affine_in_space(path, fields, space.count, vectors, spatial)
    else:
        affine, more = _of_axes(path, fields, sizes, spatial, centers)
    # without a space the library that most files come from takes DICOM's axes
    affine[:3] *= np.array(space.to_ras if space else LPS)[:, None]
    thick = (ONE_SLICE,) if len(spatial) == 2 else ()
    return Axes(spatial, affine, (*notes, *more, *thick))


def _spatial(
    path: Path,
    sizes: Sequence[int],
    kinds: Sequence[str],
    vectors: Sequence[list[float] | None] | None,
) -> tuple[int, ...]:
    """Numbers of the axes of space; the others must have one sample."""
    spatial = []
    for axis, (size, kind) in enumerate(zip(sizes, kinds, strict=True)):
        of_space = kind in _OF_SPACE
        if not of_space and kind not in _OF_VALUES and not _SEVERAL.fullmatch(kind):
            raise InputError(f"{path}: {kind!r} among its kinds is unknown; mend it")
        if not of_space and (size > 1 or _SEVERAL.fullmatch(kind)):
            raise InputError(
                f"{path}: holds {size} values per voxel (axis {axis} is of the kind {kind}), one "
                "is expected; store one channel per file"
            )
        if vectors is not None and any(vectors) and of_space != (vectors[axis] is not None):
            if not of_space:
                raise InputError(
                    f"{path}: axis {axis} of the kind {kind} has a direction in space; mend it"
                )
            if size > 1:
                raise InputError(
                    f"{path}: axis {axis} of {size} has no direction; split or mend it"
                )
            of_space = False
        if of_space:
            spatial.append(axis)
    while len(spatial) > 3 and sizes[spatial[-1]] == 1:
        spatial.pop()
    if len(spatial) != 3 and not len(spatial) == len(sizes) == 2:
        raise InputError(
            f"{path}: has {len(spatial)} dimensions (sizes {list(sizes)}), a volume has 3; store "
            "one volume per file"
        )
    return tuple(spatial)


def _of_axes(
    path: Path,
    fields: dict[str, str],
    sizes: Sequence[int],
    spatial: Sequence[int],
    centers: Sequence[str],
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Spacings along the axes, without a space around them."""
    for name in ("space directions", "space origin", "space units", "measurement frame"):
        if name in fields:
            raise InputError(f"{path}: its header gives {name} without a space; add one")
    spacings = reals(path, fields, "spacings", spatial, len(sizes))
    low = reals(path, fields, "axis mins", spatial, len(sizes))
    high = reals(path, fields, "axis maxs", spatial, len(sizes))
    affine, n = np.eye(4), len(spatial)
    if spacings is None or (low is None and high is not None):
        if low is not None or high is not None:
            raise InputError(
                f"{path}: axis mins and axis maxs need spacings and each other; write spacings and "
                "axis mins"
            )
        notes: tuple[str, ...] = (NO_SPACING,)
    else:
        if min(spacings) <= 0:
            raise InputError(f"{path}: its spacings {spacings} are not positive; mend them")
        notes = ("its header names no space; axes taken as left-posterior-superior, unverified",)
        affine[:n, :n] = np.diag(spacings)
        if low is not None:
            chosen = [centers[k] for k in spatial]
            affine[:n, 3] = _first_voxels(
                path, low, high, spacings, chosen, [sizes[k] for k in spatial]
            )
            if any(center in UNKNOWN for center in chosen):
                notes += ("its header gives no centerings; voxels taken as cells",)
    units = strings(path, fields, "units", len(sizes))
    scale, said = in_mm(path, "units", [units[k] for k in spatial])
    with np.errstate(over="ignore"):  # what is not finite is refused by its grid
        affine[:n] *= np.array(scale)[:, None]
    return affine, (*notes, *said)


def _first_voxels(
    path: Path,
    low: Sequence[float],
    high: Sequence[float] | None,
    spacings: Sequence[float],
    centers: Sequence[str],
    sides: Sequence[int],
) -> list[float]:
    """Places of the first voxels: on an axis' minimum, or half a cell behind it."""
    cells = [center != "node" for center in centers]
    for cell, a, s, side, z in zip(cells, low, spacings, sides, high or (), strict=False):
        if abs(a + s * (side if cell else side - 1) - z) > _AGREE * s * side:
            raise InputError(
                f"{path}: axis maxs {z:g} does not agree with axis mins, spacings and sizes; mend "
                "them"
            )
    return [a + s / 2 * cell for a, s, cell in zip(low, spacings, cells, strict=True)]
