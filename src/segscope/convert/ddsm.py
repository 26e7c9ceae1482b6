"""Outlines of DDSM: ``.ics`` says which pictures have some, ``.OVERLAY`` has their chain codes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.errors import InputError
from segscope.paths import is_file, read_text

_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Rows and columns of the codes 0 to 7: clockwise, from straight up."""


def read_overlays(ics: Path, image: Path, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Fill the outlines of one picture; a picture that has none by its ``.ics`` is empty.

    Args:
        ics: Of the picture's case.
        image: The decoded picture, ``A_1141_1.LEFT_CC.png``; its outlines lie beside it.
        shape: Its rows and columns.

    Raises:
        InputError: Decoded to another size, outlines that are missing, open or outside.
    """
    view = image.name.split(".")[1] if image.name.count(".") > 1 else ""
    rows, columns, has_outlines = _described(ics, view)
    if tuple(shape) != (rows, columns):
        raise InputError(
            f"{image}: is of {tuple(shape)} pixels, {ics.name} says {(rows, columns)}: its "
            "outlines are in those; decode it without cutting or scaling"
        )
    mask = np.zeros(tuple(shape), bool)
    if not has_outlines:
        return mask
    file = image.with_name(f"{image.name.split('.')[0]}.{view}.OVERLAY")
    if not is_file(file):
        raise InputError(f"{file}: is missing; {ics.name} says that this picture has outlines")
    for chain in _chains(file):
        _fill(file, mask, chain)
    return mask


def _described(ics: Path, view: str) -> tuple[int, int, bool]:
    """Rows, columns and whether there are outlines, of one view."""
    for line in read_text(ics).splitlines():
        words = line.split()
        if not words or words[0] != view:
            continue
        try:
            rows = int(words[words.index("LINES") + 1])
            columns = int(words[words.index("PIXELS_PER_LINE") + 1])
        except (ValueError, IndexError):
            break
        if words[-1] in ("OVERLAY", "NON_OVERLAY"):
            return rows, columns, words[-1] == "OVERLAY"
    raise InputError(f"{ics}: says nothing of {view or 'a picture without a view'} that is usable")


def _chains(file: Path) -> list[list[int]]:
    """Every outline's numbers: start column, start row, codes."""
    text = read_text(file)
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 2 and words[-1] == "#":
            try:
                found.append([int(word) for word in words[:-1]])
            except ValueError:
                raise InputError(f"{file}: an outline holds what is no number") from None
    said = sum(int(line.split()[1]) for line in text.splitlines()
               if line.startswith("TOTAL_OUTLINES") and line.split()[-1].isdigit())  # fmt: skip
    if not found or len(found) != said:
        raise InputError(f"{file}: announces {said} outlines and has {len(found)}; copy it again")
    return found


def _fill(file: Path, mask: NDArray[np.bool_], chain: Sequence[int]) -> None:
    column, row, *codes = chain
    if any(not 0 <= code < len(_STEPS) for code in codes):
        raise InputError(f"{file}: a step of an outline is none of 0 to 7")
    steps = np.array([_STEPS[code] for code in codes]).reshape(-1, 2)
    start = np.array([[row, column]])
    way = np.vstack([start, start + np.cumsum(steps, axis=0)])
    if np.abs(way[-1] - way[0]).max() > 1:
        raise InputError(f"{file}: an outline is open (its ends are {way[0]} and {way[-1]})")
    if way.min() < 0 or (way >= mask.shape).any():
        raise InputError(f"{file}: an outline leaves the picture; are these its files?")
    low, high = way.min(axis=0), way.max(axis=0) + 1
    own = np.zeros(high - low, bool)
    own[tuple((way - low).T)] = True
    mask[low[0] : high[0], low[1] : high[1]] |= ndimage.binary_fill_holes(own)
