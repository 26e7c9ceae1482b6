"""Which axes of a NRRD file are those of space, and where they lie."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.header import BLANKS, blank_parted, integer, number, numbers
from segscope.data.decoders.lengths import mm_per
from segscope.errors import InputError

NO_SPACING = "its header gives no spacing; 1 mm is assumed"
_TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
}
_SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior",
          "lps": "left-posterior-superior"}  # fmt: skip
_NOT_ANATOMICAL = ("scanner-xyz", "3d-right-handed", "3d-left-handed")
_LPS = _TO_RAS["left-posterior-superior"]
_UNKNOWN = ("???", "none")
_OF_SPACE = ("domain", "space", *_UNKNOWN)
_OF_VALUES = ("list", "point", "vector", "contravariant-vector", "covariant-vector", "normal",
              "stub", "scalar", "time")  # fmt: skip
_SEVERAL = re.compile(
    r"complex|[234]-vector|3-gradient|3-normal|[34]-color|(rgba?|hsv|xyz)(-?color)?|quaternion"
    r"|[23]d-(masked-)?((sym|symmetric)-)?(matrix|tensor)"
)
_CENTERS = ("cell", "node", *_UNKNOWN)
_QUOTED = re.compile(r'[ \t]*"((?:[^"\\]|\\.)*)"')
_VECTOR = re.compile(r"[ \t]*(none(?![^ \t])|\([^()]*\))", re.IGNORECASE)
_AGREE = 1e-4


@dataclass(frozen=True)
class Axes:
    """The axes of space of a NRRD file.

    Args:
        spatial: Their numbers among all axes; the others have one sample each.
        affine: From their indices to RAS+ millimetres.
        notes: What had to be assumed or was converted.
    """

    spatial: tuple[int, ...]
    affine: NDArray[np.float64]
    notes: tuple[str, ...]


def read_axes(path: Path, fields: dict[str, str], sizes: Sequence[int]) -> Axes:
    """Find the three axes of space and their affine.

    Raises:
        InputError: Several values per voxel, not three axes of space, or a geometry that the
            format does not allow.
    """
    kinds = _words(path, fields, "kinds", len(sizes), None)
    centers = _words(path, fields, "centerings", len(sizes), _CENTERS)
    to_ras, said = _space(path, fields)
    vectors = _directions(path, fields, len(sizes))
    spatial = _spatial(path, sizes, kinds, vectors if to_ras else None)
    notes = said
    if len(spatial) < len(sizes):
        notes = (f"squeezed from {len(sizes)} dimensions to 3", *notes)
    if to_ras:
        affine, more = _of_space(path, fields, [vectors[k] for k in spatial])
    else:
        affine, more = _of_axes(path, fields, sizes, spatial, centers)
    # without a space the library that most files come from takes DICOM's axes
    affine[:3] *= np.array(to_ras or _LPS)[:, None]
    return Axes(spatial, affine, (*notes, *more))


def _space(path: Path, fields: dict[str, str]) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Signs that turn its frame to RAS, or None where no space is named."""
    if "space" in fields and "space dimension" in fields:
        raise InputError(
            f"{path}: its header gives both space and space dimension, one is allowed; remove one"
        )
    if "space dimension" in fields:
        count = integer(path, "space dimension", fields["space dimension"])
        name = "without names" if count == 3 else f"of {count} dimensions"
    elif "space" in fields:
        name = fields["space"].lower().replace(" ", "-")
        name = next((n for n in (*_TO_RAS, *_NOT_ANATOMICAL) if n.replace("-", "") == name), name)
        name = _SHORT.get(name, name)
    else:
        return None, ()
    if name in _TO_RAS:
        return _TO_RAS[name], ()
    if name in _NOT_ANATOMICAL or name == "without names":
        return _LPS, (f"its space ({name}) names no anatomy; taken as left-posterior-superior",)
    raise InputError(
        f"{path}: its space is {name!r}, a volume's is left-posterior-superior, "
        "left-anterior-superior or right-anterior-superior; mend or convert it"
    )


def _directions(path: Path, fields: dict[str, str], count: int) -> list[list[float] | None]:
    if "space directions" not in fields:
        return [None] * count
    found = _each(path, "space directions", fields["space directions"], _VECTOR, count)
    return [_vector(path, "space directions", text) for text in found]


def _vector(path: Path, name: str, text: str) -> list[float] | None:
    if text.lower() == "none":
        return None
    parts = text[1:-1].split(",")
    if len(parts) != 3:
        raise InputError(f"{path}: {text} in its {name} has {len(parts)} numbers, expected 3")
    return [number(path, name, part) for part in parts]


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
    if len(spatial) != 3:
        raise InputError(
            f"{path}: has {len(spatial)} dimensions (sizes {list(sizes)}), a volume has 3; store "
            "one volume per file"
        )
    return tuple(spatial)


def _of_space(
    path: Path, fields: dict[str, str], vectors: Sequence[list[float] | None]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    for name in ("spacings", "axis mins", "axis maxs", "units"):
        if _says(fields.get(name, "")):
            raise InputError(
                f"{path}: its header gives {name} in a space, where space directions are expected; "
                f"write these and remove {name}"
            )
    if all(vector is None for vector in vectors):
        raise InputError(
            f"{path}: its header names a space and no space directions; add the directions"
        )
    affine = np.eye(4)
    notes: tuple[str, ...] = ()
    affine[:3, :3] = np.array(vectors).T
    origin = fields.get("space origin", "none")
    found = _each(path, "space origin", origin, _VECTOR, 1)[0]
    place = _vector(path, "space origin", found)
    if place is None:
        notes += ("its header gives no space origin; 0 is assumed",)
    else:
        affine[:3, 3] = place
    units = _strings(path, fields, "space units", 3)
    scale, said = _in_mm(path, "space units", units)
    with np.errstate(over="ignore"):  # what is not finite is refused by its grid
        affine[:3] *= np.array(scale)[:, None]
    return affine, (*notes, *said)


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
    spacings = _reals(path, fields, "spacings", spatial, len(sizes))
    low = _reals(path, fields, "axis mins", spatial, len(sizes))
    high = _reals(path, fields, "axis maxs", spatial, len(sizes))
    affine = np.eye(4)
    notes: tuple[str, ...] = ()
    if spacings is None:
        if low is not None or high is not None:
            raise InputError(
                f"{path}: its header gives axis mins or maxs and no spacings; write spacings"
            )
        notes = (NO_SPACING,)
    else:
        if min(spacings) <= 0:
            raise InputError(f"{path}: its spacings {spacings} are not positive; mend them")
        notes = ("its header names no space; axes taken as left-posterior-superior, unverified",)
        affine[:3, :3] = np.diag(spacings)
    if spacings is not None and low is not None:
        cells = [centers[k] != "node" for k in spatial]
        affine[:3, 3] = [a + s / 2 * cell for a, s, cell in zip(low, spacings, cells, strict=True)]
        if any(centers[k] in _UNKNOWN for k in spatial):
            notes += ("its header gives no centerings; voxels taken as cells",)
        for axis, cell, a, s, z in zip(spatial, cells, low, spacings, high or (), strict=False):
            if abs(a + s * (sizes[axis] - (not cell)) - z) > _AGREE * s * sizes[axis]:
                raise InputError(
                    f"{path}: axis maxs {z:g} does not agree with axis mins, spacings and sizes; "
                    "mend them"
                )
    units = _strings(path, fields, "units", len(sizes))
    scale, said = _in_mm(path, "units", [units[k] for k in spatial])
    with np.errstate(over="ignore"):  # what is not finite is refused by its grid
        affine[:3] *= np.array(scale)[:, None]
    return affine, (*notes, *said)


def _reals(
    path: Path, fields: dict[str, str], name: str, spatial: Sequence[int], count: int
) -> list[float] | None:
    """The numbers of the axes of space; ``nan`` on all of them means none are given."""
    words = blank_parted(fields.get(name, ""))
    if name in fields and len(words) != count:
        raise InputError(f"{path}: its {name} are {len(words)}, expected {count}; mend them")
    chosen = [words[k] for k in spatial] if words else []
    if all(word.lower() == "nan" for word in chosen):
        return None
    return numbers(path, name, " ".join(chosen), 3)


def _says(text: str) -> bool:
    """Whether there is more than placeholders."""
    return any(word.strip('"').lower() not in ("", "nan", *_UNKNOWN) for word in blank_parted(text))


def _words(
    path: Path, fields: dict[str, str], name: str, count: int, known: Sequence[str] | None
) -> list[str]:
    if name not in fields:
        return [_UNKNOWN[0]] * count
    words = blank_parted(fields[name].lower())
    if len(words) != count or (known and not set(words) <= set(known)):
        raise InputError(
            f"{path}: its {name} are {fields[name]!r}, expected {count}"
            f"{' of ' + ', '.join(known) if known else ''}; mend them"
        )
    return words


def _strings(path: Path, fields: dict[str, str], name: str, count: int) -> list[str]:
    if name not in fields:
        return [""] * count
    return [text.strip(BLANKS) for text in _each(path, name, fields[name], _QUOTED, count)]


def _in_mm(path: Path, name: str, units: Sequence[str]) -> tuple[list[float], tuple[str, ...]]:
    scale = [mm_per(path, name, unit) if unit not in ("", "???") else 1.0 for unit in units]
    named = sorted({unit for unit in units if unit not in ("", "???")})
    if named and len([u for u in units if u in named]) < len(units):
        raise InputError(f"{path}: its {name} are given for some axes only; add the others")
    if all(factor == 1.0 for factor in scale):
        return scale, ()
    return scale, (f"lengths converted from {' and '.join(named)} to mm",)


def _each(path: Path, name: str, text: str, form: re.Pattern[str], count: int) -> list[str]:
    """Take a field's text apart; nothing may be left over."""
    found, place = [], 0
    while match := form.match(text, place):
        found.append(match[1])
        place = match.end()
    if text[place:].strip(BLANKS) or len(found) != count:
        raise InputError(f"{path}: its {name} are {text!r}, expected {count}; mend them")
    return found
