"""The space around a NRRD file's voxels: its frame, its directions and its origin."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.header import integer, number
from segscope.data.decoders.nrrd_values import each, in_mm, says, strings
from segscope.errors import InputError

LPS = (-1.0, -1.0, 1.0)
"""Signs that turn left-posterior-superior to RAS."""

_TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": LPS,
}
_SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior",
          "lps": "left-posterior-superior"}  # fmt: skip
_NOT_ANATOMICAL = ("scanner-xyz", "3d-right-handed", "3d-left-handed")
_MOST_AXES = 16
_VECTOR = re.compile(r"[ \t]*(none(?![^ \t])|\([^()]*\))", re.IGNORECASE)


@dataclass(frozen=True)
class Space:
    """The frame in which directions and origin are given.

    Args:
        to_ras: Signs of its first three axes in RAS.
        count: How many axes it has; those after the third are no space of ours.
        notes: What had to be assumed.
    """

    to_ras: tuple[float, ...]
    count: int
    notes: tuple[str, ...]


def read_space(path: Path, fields: dict[str, str]) -> Space | None:
    """Read the space that a header names, None where it names none."""
    if "space" in fields and "space dimension" in fields:
        raise InputError(
            f"{path}: its header gives both space and space dimension, one is allowed; remove one"
        )
    count = 3
    if "space dimension" in fields:
        count, name = integer(path, "space dimension", fields["space dimension"]), "without names"
    elif "space" in fields:
        name = fields["space"].lower().replace(" ", "-")
        name = next((n for n in (*_TO_RAS, *_NOT_ANATOMICAL) if n.replace("-", "") == name), name)
        name = _SHORT.get(name, name)
    else:
        return None
    if name in _TO_RAS:
        return Space(_TO_RAS[name], count, ())
    if not 2 <= count <= _MOST_AXES:
        raise InputError(f"{path}: its space has {count} dimensions, a volume's has 3; convert it")
    if name in _NOT_ANATOMICAL or name == "without names":
        said = f"its space ({name}) names no anatomy; taken as left-posterior-superior"
        return Space(LPS, count, (said,))
    raise InputError(
        f"{path}: its space is {name!r}, a volume's is left-posterior-superior, "
        "left-anterior-superior or right-anterior-superior; mend or convert it"
    )


def read_directions(
    path: Path, fields: dict[str, str], axes: int, count: int
) -> list[list[float] | None]:
    """Read each axis' step in a space of ``count`` dimensions, None for axes without one."""
    if "space directions" not in fields:
        return [None] * axes
    found = each(path, "space directions", fields["space directions"], _VECTOR, axes)
    return [_vector(path, "space directions", text, count) for text in found]


def affine_in_space(
    path: Path,
    fields: dict[str, str],
    count: int,
    vectors: Sequence[list[float] | None],
    spatial: Sequence[int],
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the affine of the axes ``spatial`` in the file's own frame, in mm, and notes."""
    for name in ("spacings", "axis mins", "axis maxs", "units"):
        if says(fields.get(name, "")):
            raise InputError(
                f"{path}: its header gives {name} in a space, where space directions are expected; "
                f"write these and remove {name}"
            )
    if all(vector is None for vector in vectors):
        raise InputError(
            f"{path}: its header names a space and no space directions; add the directions"
        )
    notes: tuple[str, ...] = ()
    for axis, vector in enumerate(vectors):
        others = vector[3:] if vector and axis in spatial else (vector or [])[:3]
        if any(others):
            raise InputError(
                f"{path}: axis {axis} leads through the space of the others; store one volume per "
                "file"
            )
    affine, n = np.eye(4), len(spatial)
    affine[:n, :n] = np.array([(vectors[axis] or [])[:3] for axis in spatial]).T
    found = each(path, "space origin", fields.get("space origin", "none"), _VECTOR, 1)[0]
    place = _vector(path, "space origin", found, count)
    if place is None:
        notes += ("its header gives no space origin; 0 is assumed",)
    else:
        affine[:n, 3] = place[:3]
    scale, said = in_mm(path, "space units", strings(path, fields, "space units", count)[:3])
    with np.errstate(over="ignore"):  # what is not finite is refused by its grid
        affine[:n] *= np.array(scale)[:, None]
    return affine, (*notes, *said)


def _vector(path: Path, name: str, text: str, count: int) -> list[float] | None:
    if text.lower() == "none":
        return None
    parts = text[1:-1].split(",")
    if len(parts) != count:
        raise InputError(f"{path}: {text} in its {name} has {len(parts)} numbers, expected {count}")
    return [number(path, name, part) for part in parts]
