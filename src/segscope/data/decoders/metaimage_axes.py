"""Where the voxels of a MetaImage file lie in space."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.header import ONE_SLICE, numbers
from segscope.data.decoders.lengths import mm_per
from segscope.errors import InputError

_PLACES = ("Offset", "Position", "Origin", "ImagePosition")
_TURNS = ("TransformMatrix", "Orientation", "Rotation")
_NO_SPACING = "its header gives no spacing; 1 mm is assumed"
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_AGREE = 1e-6
_PLAIN = 0.8


def read_affine(
    path: Path, fields: dict[str, str], count: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Read the affine to RAS+ millimetres, and notes on what had to be assumed or was converted.

    The matrix's rows, by the spacing, are the affine's columns; places are LPS in the file.

    Args:
        path: The file, for messages.
        fields: Of its header.
        count: NDims, 2 or more; axes after the third have one sample.
    """
    spacing, notes = _spacing(path, fields, count)
    place = _same(path, fields, _PLACES, count) or [0.0] * count
    turn = _same(path, fields, _TURNS, count * count)
    rows = np.eye(count) if turn is None else np.array(turn).reshape(count, count)
    if rows[:3, 3:].any() or rows[3:, :3].any():
        raise InputError(f"{path}: its fourth axis leads through space; store one volume per file")
    notes += _unused(path, fields, rows, count)
    unit = fields.get("DistanceUnits", "?").removeprefix("MET_DISTANCE_UNITS_")
    scale = 1.0 if unit in ("", "?", "UNKNOWN") else mm_per(path, "DistanceUnits", unit)
    if scale != 1.0:
        notes += (f"lengths converted from {unit} to mm",)
    affine, n = np.eye(4), min(count, 3)
    with np.errstate(over="ignore"):  # what is not finite is refused by its grid
        affine[:n, :n] = rows[:3, :3].T * spacing[:3]
        affine[:n, 3] = place[:3]
        affine[:n] *= scale * _TO_RAS[:n, None]
    return affine, notes if n == 3 else (*notes, ONE_SLICE)


def _spacing(path: Path, fields: dict[str, str], count: int) -> tuple[list[float], tuple[str, ...]]:
    name = next((n for n in ("ElementSpacing", "ElementSize") if n in fields), None)
    if name is None:
        return [1.0] * count, (_NO_SPACING,)
    spacing = numbers(path, name, fields[name], count)
    if min(spacing) <= 0:
        raise InputError(f"{path}: its {name} {spacing} is not positive; mend it")
    if name == "ElementSize":
        return spacing, ("its header gives no ElementSpacing; ElementSize was taken",)
    return spacing, ()


def _same(
    path: Path, fields: dict[str, str], names: Sequence[str], count: int
) -> list[float] | None:
    """The numbers that one or several synonyms give."""
    given = {name: numbers(path, name, fields[name], count) for name in names if name in fields}
    first = next(iter(given), None)
    if first is None:
        return None
    other = next((name for name, found in given.items() if found != given[first]), None)
    if other:
        raise InputError(f"{path}: its {first} and {other} differ and mean the same; remove one")
    return given[first]


def _unused(
    path: Path, fields: dict[str, str], rows: NDArray[np.float64], count: int
) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if "CenterOfRotation" in fields and any(
        numbers(path, "CenterOfRotation", fields["CenterOfRotation"], count)
    ):
        notes += ("its CenterOfRotation is not zero and was not used, as ITK does",)
    if np.abs(np.linalg.norm(rows[:3, :3], axis=1) - 1).max() > _AGREE:
        notes += ("its matrix has rows of other lengths than 1; they scale the spacing",)
    said = fields.get("AnatomicalOrientation", "???")
    if not _may_be(said, rows[:3, :3]):
        notes += (f"its AnatomicalOrientation {said} is not that of its matrix, which was taken",)
    return notes


def _may_be(letters: str, rows: NDArray[np.float64]) -> bool:
    """Whether no letter contradicts its axis; they say where axes begin (RAI for those of LPS)."""
    for letter, row in zip(letters, rows, strict=False):
        k = int(np.abs(row).argmax())
        plain = abs(row[k]) > _PLAIN * np.linalg.norm(row)  # else another letter is as good
        if plain and letter in "RLAPIS" and letter != ("RL", "AP", "IS")[k][int(row[k] < 0)]:
            return False
    return True
