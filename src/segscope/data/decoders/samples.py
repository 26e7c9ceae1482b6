"""Bytes to samples, as the plane formats share it: sizes, inflating, packed bits."""

from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

from segscope.errors import InputError

_LONGEST_SIDE = 32767
_MOST_PIXELS = 1 << 28
_DAMAGED: Any = igzip_lib.IsalError  # isal ships stubs that are off
_MOST_RATIO = 1040  # deflate cannot do more than 1032


def check_size(path: Path, rows: int, columns: int) -> None:
    """Refuse sides that no reader should allocate, before anything is decoded.

    Raises:
        InputError: A side of 0 or above 32767, or more than 268 million pixels.

    Example:
        >>> check_size(Path("a.png"), 512, 512)
    """
    if not (1 <= rows <= _LONGEST_SIDE and 1 <= columns <= _LONGEST_SIDE):
        raise InputError(
            f"{path}: has {columns} x {rows} pixels, sides of 1 to {_LONGEST_SIDE} are read; "
            "cut it into tiles"
        )
    if rows * columns > _MOST_PIXELS:
        raise InputError(
            f"{path}: has {columns} x {rows} pixels, at most {_MOST_PIXELS} are read; cut it into "
            "tiles"
        )


def inflated(path: Path, data: bytes, size: int) -> bytes:
    """Decompress a zlib stream that must hold ``size`` bytes exactly.

    Raises:
        InputError: Damaged, cut short, or with another number of bytes than the header says.

    Example:
        >>> import zlib
        >>> inflated(Path("a.png"), zlib.compress(b"abc"), 3)
        b'abc'
    """
    if len(data) < 2 or data[0] & 15 != 8 or data[1] & 32 or int.from_bytes(data[:2], "big") % 31:
        raise InputError(
            f"{path}: cannot be decoded (no zlib data where pixels are); copy it again"
        )
    if size > _MOST_RATIO * len(data) + 1024:
        raise InputError(
            f"{path}: announces {size} bytes of pixels, more than its {len(data)} compressed bytes "
            "can hold; copy it again"
        )
    engine = isal_zlib.decompressobj()
    try:
        found: bytes = engine.decompress(data, size + 1)
    except _DAMAGED as error:
        raise InputError(f"{path}: cannot be decoded (damaged: {error}); copy it again") from None
    if len(found) > size:
        raise InputError(f"{path}: holds more than the {size} bytes of pixels that it announces")
    if not engine.eof:
        raise InputError(f"{path}: cannot be decoded (cut short); copy it again")
    if len(found) < size:
        raise InputError(
            f"{path}: holds {len(found)} bytes of pixels where its header announces {size}; "
            "copy it again"
        )
    if engine.unused_data.strip(b"\0"):
        raise InputError(f"{path}: {len(engine.unused_data)} bytes follow its pixels")
    return found


def unpacked(lines: NDArray[np.uint8], count: int, bits: int) -> NDArray[Any]:
    """Take ``count`` samples of 1 to 16 bits out of each line of bytes, the highest bit first.

    Example:
        >>> unpacked(np.array([[0b00_01_10_11]], np.uint8), 4, 2).tolist()
        [[0, 1, 2, 3]]
    """
    if bits == 8:
        return lines[:, :count]
    if bits == 1:
        return np.unpackbits(lines, axis=1, count=count)
    if bits in (2, 4):
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        parts = (lines[:, :, None] >> shifts) & np.uint8(2**bits - 1)
        return parts.reshape(len(lines), -1)[:, :count]
    single = np.unpackbits(lines, axis=1, count=count * bits).reshape(len(lines), count, bits)
    found = np.zeros((len(lines), count), np.uint8 if bits < 8 else np.uint16)
    for k in range(bits):
        found = (found << 1) | single[..., k]
    return found
