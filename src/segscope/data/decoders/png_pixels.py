"""The pixels of a PNG file: its inflated lines unfiltered, deinterlaced, as stored samples."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from segscope.data.decoders.samples import inflated, unpacked
from segscope.errors import InputError

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
"""First column, first row, step over columns and rows of the seven passes."""

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Lines:
    """What the header says of the lines of bytes.

    Args:
        rows: Of the picture.
        columns: Of the picture.
        samples: Per pixel.
        bits: Per sample.
        interlaced: In seven passes.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    interlaced: bool

    def stride(self, columns: int) -> int:
        """Bytes of a line of so many pixels, without its filter."""
        return (columns * self.samples * self.bits + 7) // 8

    def passes(self) -> list[tuple[slice, slice, int, int]]:
        """Which rows and columns each pass fills, and how many; empty passes are left out."""
        if not self.interlaced:
            return [(slice(None), slice(None), self.rows, self.columns)]
        found = []
        for x, y, dx, dy in _ADAM7:
            rows, columns = -(-(self.rows - y) // dy), -(-(self.columns - x) // dx)
            if rows > 0 and columns > 0:
                found.append((slice(y, None, dy), slice(x, None, dx), rows, columns))
        return found


def png_samples(path: Path, lines: Lines, packed: bytes) -> NDArray[Any]:
    """Decode the joined IDAT data to ``(rows, columns, samples)`` as stored.

    Raises:
        InputError: Damaged, or another number of bytes than the header announces.
    """
    passes = lines.passes()
    size = sum(rows * (1 + lines.stride(columns)) for _, _, rows, columns in passes)
    raw = inflated(path, packed, size)
    if not lines.interlaced:
        return _pass(path, lines, raw, lines.rows, lines.columns)
    kind = np.uint16 if lines.bits == 16 else np.uint8
    whole = np.empty((lines.rows, lines.columns, lines.samples), kind)
    start = 0
    for down, across, rows, columns in passes:
        end = start + rows * (1 + lines.stride(columns))
        whole[down, across] = _pass(path, lines, raw[start:end], rows, columns)
        start = end
    return whole


def _pass(path: Path, lines: Lines, raw: bytes, rows: int, columns: int) -> NDArray[Any]:
    table = np.frombuffer(raw, np.uint8).reshape(rows, -1)
    if table[:, 0].max() > 4:
        raise InputError(
            f"{path}: cannot be decoded (unknown filter {table[:, 0].max()}); copy it again"
        )
    step = max(1, lines.samples * lines.bits // 8)
    plain = _unfiltered(table, step)
    count = columns * lines.samples
    if lines.bits == 16:
        wide = np.ascontiguousarray(plain).view(">u2").astype(np.uint16)
        return wide.reshape(rows, columns, lines.samples)
    return unpacked(plain, count, lines.bits).reshape(rows, columns, lines.samples)


def _unfiltered(table: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Undo the filters of lines whose pixels are ``step`` bytes apart.

    Pillow's decoder does the sums. It is given no file, but lines of 1 to 4 bytes per pixel in a
    zlib stream without compression. Filters work on each byte of a pixel alone, so that wider
    pixels are decoded in two halves.
    """
    if not table[:, 0].any():
        return table[:, 1:]
    rows = len(table)
    if step <= 4:
        stored = zlib.compress(table.tobytes(), 0)
        mode = _MODES[step]
        columns = (table.shape[1] - 1) // step
        picture = PillowImage.frombytes(mode, (columns, rows), stored, "zip", (mode,))
        return np.asarray(picture).reshape(rows, -1)
    pixels = table[:, 1:].reshape(rows, -1, step)
    halves = []
    for part in (slice(0, step // 2), slice(step // 2, step)):
        lines = np.hstack([table[:, :1], pixels[..., part].reshape(rows, -1)])
        halves.append(_unfiltered(lines, step // 2).reshape(rows, -1, step // 2))
    return np.concatenate(halves, axis=-1).reshape(rows, -1)
