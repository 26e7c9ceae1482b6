"""Run lengths of BMP (RLE4 and RLE8): every pixel must be said."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.errors import InputError


def run_lengths(
    path: Path, data: bytes, rows: int, columns: int, bits: int
) -> tuple[NDArray[np.uint8], int]:
    """Decode to ``(rows, columns)`` indices, the lowest row first, and the bytes that they took.

    Raises:
        InputError: Cut short, a run beyond its row, or pixels that are left out: what stands
            there the format does not say.

    Example:
        >>> found, used = run_lengths(Path("a.bmp"), bytes([2, 7, 0, 1]), 1, 2, 8)
        >>> found.tolist(), used
        ([[7, 7]], 4)
    """
    if rows * columns > 128 * len(data):  # two bytes are at most 255 pixels
        raise InputError(
            f"{path}: cannot be decoded (its {len(data)} bytes of runs are too few for {columns} x "
            f"{rows} pixels); copy it again"
        )
    picture = np.zeros((rows, columns), np.uint8)
    said = np.zeros((rows, columns), bool)
    row = column = at = 0
    while True:
        if at + 2 > len(data):
            raise InputError(f"{path}: cannot be decoded (its runs are cut short); copy it again")
        count, value = data[at], data[at + 1]
        at += 2
        if count == 0 and value == 1:
            break
        if count == 0 and value == 0:
            row, column = row + 1, 0
            continue
        if count == 0 and value == 2:
            column, row, at = _moved(path, data, at, column, row)
            continue
        if count:
            run = _repeated(value, count, bits)
        else:
            run, at = _literal(path, data, at, value, bits)
        if row >= rows or column + len(run) > columns:
            raise InputError(f"{path}: cannot be decoded (a run beyond its row); copy it again")
        picture[row, column : column + len(run)] = run
        said[row, column : column + len(run)] = True
        column += len(run)
    if not said.all():
        raise InputError(
            f"{path}: leaves {int((~said).sum())} pixels out, whose colour it does not say; save "
            "it as PNG"
        )
    return picture, at


def _moved(path: Path, data: bytes, at: int, column: int, row: int) -> tuple[int, int, int]:
    if at + 2 > len(data):
        raise InputError(f"{path}: cannot be decoded (its runs are cut short); copy it again")
    return column + data[at], row + data[at + 1], at + 2


def _repeated(value: int, count: int, bits: int) -> NDArray[np.uint8]:
    if bits == 8:
        return np.full(count, value, np.uint8)
    return np.resize(np.array([value >> 4, value & 15], np.uint8), count)


def _literal(
    path: Path, data: bytes, at: int, count: int, bits: int
) -> tuple[NDArray[np.uint8], int]:
    size = (count * bits + 7) // 8
    end = at + size + size % 2  # padded to whole words
    if end > len(data):
        raise InputError(f"{path}: cannot be decoded (its runs are cut short); copy it again")
    raw = np.frombuffer(data, np.uint8, size, at)
    if bits == 8:
        return raw, end
    return np.stack([raw >> 4, raw & 15], -1).ravel()[:count].astype(np.uint8), end
