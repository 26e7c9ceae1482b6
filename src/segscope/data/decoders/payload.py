"""Voxels behind a header: unpacked by us, never to more bytes than the header announces."""

import bz2
import math
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.files import Limits, atomic_path
from segscope.errors import InputError, WorkError
from segscope.images import Grid

GZIP, ZLIB = 31, 15
"""What `inflate` expects around the compressed data."""

_LARGEST_BUNZIP = 1 << 30  # bzip2 packs zeros without bounds
_DAMAGED: Any = (igzip_lib.IsalError, zlib.error)  # isal ships stubs that are off
_USUAL = (1e-20, 1e20)
_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}")
_REAL = re.compile(
    rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)


def announced(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    """Return how many bytes of voxels a header announces, within what may be read at all."""
    need = math.prod(shape) * dtype.itemsize
    most = Limits().max_bytes
    if need > most:
        raise InputError(
            f"{path}: its header announces {need} bytes of voxels, at most {most} are read; "
            "crop or resample it"
        )
    return need


def inflate(path: Path, body: memoryview, wrapping: int, need: int) -> bytes:
    """Unpack gzip or zlib data to its end; checksum and length are checked there.

    Several gzip members in a row are one file, as the standard says.
    """
    engine = isal_zlib.decompressobj(wbits=wrapping)
    try:
        data: bytes = engine.decompress(body, need + 1)
    except _DAMAGED as error:
        raise InputError(f"{path}: damaged compressed data ({error}); copy it again") from None
    rest = engine.unused_data
    if not engine.eof and len(data) <= need:
        raise InputError(f"{path}: compressed data is cut short; copy it again")
    if engine.eof and rest and wrapping == GZIP and rest[:2] == b"\x1f\x8b" and len(data) <= need:
        return data + inflate(path, memoryview(rest), wrapping, need - len(data))
    if engine.eof and rest:
        raise InputError(f"{path}: {len(rest)} bytes follow the compressed data; copy it again")
    return data


def bunzip(path: Path, body: memoryview, need: int) -> bytes:
    """Unpack bzip2 data, one stream or several, to its end."""
    if need > max(_LARGEST_BUNZIP, Limits().max_ratio * len(body)):
        raise InputError(
            f"{path}: its header announces {need} bytes of voxels in {len(body)} compressed bytes; "
            "it is not an image"
        )
    parts: list[bytes] = []
    rest: bytes | memoryview = body
    left = need
    while rest and left >= 0:
        if parts and bytes(rest[:3]) != b"BZh":
            raise InputError(f"{path}: {len(rest)} bytes follow the compressed data; copy it again")
        engine = bz2.BZ2Decompressor()
        try:
            parts.append(engine.decompress(rest, left + 1))
        except OSError as error:
            raise InputError(f"{path}: damaged compressed data ({error}); copy it again") from None
        left -= len(parts[-1])
        if left >= 0 and not engine.eof:
            raise InputError(f"{path}: compressed data is cut short; copy it again")
        rest = engine.unused_data
    return b"".join(parts)


def from_text(path: Path, body: memoryview, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Read voxels that are written as numbers parted by blanks and line ends."""
    words = bytes(body).split()
    compare(path, len(words), count, "numbers")
    form = _REAL if dtype.kind == "f" else _INTEGER
    wrong = next((word for word in words if not form.fullmatch(word)), None)
    if wrong is not None:
        raise InputError(
            f"{path}: {wrong[:20].decode('latin-1')!r} among its voxels is no {dtype.name}; mend it"
        )
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array([float(word) for word in words]).astype(dtype)
    whole = [int(word) for word in words]
    limits = np.iinfo(dtype)
    if min(whole) < limits.min or max(whole) > limits.max:
        raise InputError(
            f"{path}: its voxels reach from {min(whole)} to {max(whole)}, which {dtype.name} "
            "cannot hold; mend its type"
        )
    return np.array(whole, dtype)


def compare(path: Path, got: int, need: int, what: str = "bytes") -> None:
    """Refuse a file whose voxels are more or fewer than its header announces."""
    if got != need:
        raise InputError(
            f"{path}: {got} {what} of voxels, its header announces {need}; it is cut short or "
            "damaged: copy it again"
        )


def rescaled(path: Path, stored: NDArray[Any], slope: float, offset: float) -> NDArray[Any]:
    """Return ``slope * stored + offset``, see `linear`, or ``stored`` itself where that is it."""
    if not (math.isfinite(slope) and math.isfinite(offset) and slope != 0):
        raise InputError(
            f"{path}: its rescaling is {slope} x + {offset}, finite numbers and a slope other "
            "than 0 are expected; mend it"
        )
    if slope == 1 and offset == 0:
        return stored
    return linear(stored, slope, offset)


def linear(stored: NDArray[Any], slope: float, offset: float) -> NDArray[Any]:
    """Return ``slope * stored + offset`` as float32, or as float64.

    It is float64 where 64 bits are stored, and where float32 might not hold what comes out: its
    door then says so, instead of infinities and zeros.

    Example:
        >>> linear(np.array([1, 2], np.int16), 0.5, -1).tolist()
        [-0.5, 0.0]
        >>> linear(np.array([1, 2], np.int16), 1e-50, 0).tolist()
        [1e-50, 2e-50]
    """
    # in float64 first, as the other readers do, so that rounding happens once
    with np.errstate(over="ignore", invalid="ignore"):  # the door looks at what comes out
        wide: NDArray[Any] = stored * np.float64(slope)
        wide += np.float64(offset)
    if stored.dtype.itemsize == 8 or not _fits_float32(stored.dtype, slope, offset):
        return wide
    return wide.astype(np.float32)


def _fits_float32(dtype: np.dtype[Any], slope: float, offset: float) -> bool:
    """Whether scaled values surely are neither too large for float32 nor too small."""
    usual = _USUAL[0] < abs(slope) < _USUAL[1] and abs(offset) < _USUAL[1]
    return usual and (dtype.kind != "f" or abs(slope) <= 1)


def write_checked(
    path: Path,
    data: bytes,
    decode: Callable[[Path], Decoded],
    array: NDArray[Any],
    grid: Grid,
) -> None:
    """Write bytes whole or not at all, if they are read back as the array on its grid."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
        again = decode(temporary)
        same = again.array.dtype == array.dtype.newbyteorder("=") and np.array_equal(
            again.array[0], array
        )
        if not (same and np.allclose(again.affine, grid.affine, atol=1e-4)):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")
