"""Encoded pixels of a DICOM file: which bytes make a frame, and who decodes them.

Native codecs run in a process of their own: a death there is an error of the file. Each is given a
frame only after the sides and the depth in its header were found to be the tags'.
"""

import importlib.util
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import decoding
from segscope.data.decoders.dicom_elements import fragments
from segscope.data.decoders.dicom_tags import TAGS, Plane
from segscope.data.decoders.isolated import CHILDS, isolated
from segscope.data.decoders.jpeg import jpeg_samples
from segscope.data.decoders.jpeg_markers import read_frame
from segscope.errors import InputError

Decode = Callable[[Path, bytes, int, int, int], NDArray[Any]]
"""From the file (for messages), a frame's bytes, its rows, columns and bits a sample."""

_PIXELS = TAGS["PixelData"][0]
_RLE = "1.2.840.10008.1.2.5"
_J2K, _JPEG, _BOXED = b"\xff\x4f", b"\xff\xd8", b"\0\0\0\x0c"
_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # the last is JPEG-LS


def decode_frame(plane: Plane, rows: int, columns: int, allocated: int) -> NDArray[Any]:
    """Decode one frame.

    Args:
        plane: Of an encapsulated transfer syntax.
        rows: The decoded image must have.
        columns: The decoded image must have.
        allocated: Bits a sample.

    Returns:
        ``(rows, columns)``, whole numbers as the codec gives them.

    Raises:
        InputError: No decoder for this transfer syntax, damaged data, or another image than the
            tags say. The transfer syntax is named.
    """
    if plane.syntax not in _CODECS:
        raise InputError(
            f"{plane.file}: its transfer syntax {plane.syntax} is not read; save it uncompressed "
            "(gdcmconv --raw, or the archive's export)"
        )
    name, starts, decode = _CODECS[plane.syntax]
    frame = _frame(plane, starts)
    _check_announced(plane, name, _announced(frame), (rows, columns, allocated))
    try:
        with decoding(plane.file):
            array = decode(plane.file, frame, rows, columns, allocated)
    except InputError as error:
        said = str(error).removeprefix(f"{plane.file}: ")
        raise InputError(
            f"{plane.file}: its pixels ({name}, transfer syntax {plane.syntax}): {said}"
        ) from error
    if array.shape != (rows, columns) or array.dtype.kind not in "iu":
        raise InputError(
            f"{plane.file}: its pixels decode to {_shape(array)} ({name}), its tags say {rows} x "
            f"{columns}; copy it again"
        )
    if array.dtype.itemsize * 8 > allocated:
        raise InputError(
            f"{plane.file}: its pixels decode to {array.dtype} ({name}), BitsAllocated is "
            f"{allocated}; copy it again"
        )
    return array


def _frame(plane: Plane, starts: bytes) -> bytes:
    """One frame's bytes; fragments that no frame accounts for are refused."""
    top = plane.top
    if not top.found[_PIXELS].undefined:
        raise InputError(
            f"{plane.file}: its transfer syntax says that its pixels are encoded, and they are "
            "not; copy it again"
        )
    table, *parts = fragments(top, _PIXELS) or [(0, 0)]
    offsets = np.frombuffer(top.data[table[0] : table[1]], "<u4").tolist()
    if len(offsets) not in (0, plane.frames):
        raise _frames(plane, f"its table of offsets has {len(offsets)}")
    if len(parts) == plane.frames:
        chosen = [parts[plane.frame]]
    elif plane.frames == 1:
        chosen = parts
    elif offsets:
        # an offset counts from the first fragment's item tag, eight bytes before its value
        begins = [at - 8 - (parts[0][0] - 8) if parts else 0 for at, _ in parts]
        first = offsets[plane.frame]
        after = [o for o in offsets if o > first]
        last = min(after, default=sys.maxsize)
        chosen = [p for p, begin in zip(parts, begins, strict=True) if first <= begin < last]
    else:
        raise _frames(plane, f"its pixels come in {len(parts)} fragments without a table")
    later = [top.data[a : a + len(starts)] == starts for a, _ in chosen[1:]]
    if not chosen or any(later) or (later and not starts):
        raise _frames(plane, f"its pixels come in {len(parts)} fragments")
    return b"".join(top.data[a:b] for a, b in chosen)


def _frames(plane: Plane, said: str) -> InputError:
    return InputError(
        f"{plane.file}: NumberOfFrames is {plane.frames}, and {said}; copy it again, or save it "
        "uncompressed"
    )


def _shape(array: NDArray[Any]) -> str:
    return " x ".join(str(n) for n in array.shape)


def _announced(frame: bytes) -> tuple[int, int, int, int] | None:
    """Rows, columns, samples and depth that a frame's header says; None where there is none."""
    wavelets = frame.find(b"\xff\x4f\xff\x51")
    if wavelets >= 0 and (wavelets == 0 or frame[:4] == _BOXED):
        if len(frame) < wavelets + 43:
            return None
        right, low, left, top = struct.unpack_from(">4I", frame, wavelets + 8)
        samples, depth = struct.unpack_from(">HB", frame, wavelets + 40)
        return low - top, right - left, samples, (depth & 127) + 1
    at = 2 if frame[:2] == _JPEG else len(frame)
    while at + 10 <= len(frame) and frame[at] == 255:
        code = frame[at + 1]
        if code in _HEADERS:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, at + 4)
            return rows, columns, samples, bits
        at += 1 if code == 255 else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None


def _check_announced(
    plane: Plane,
    name: str,
    announced: tuple[int, int, int, int] | None,
    wanted: tuple[int, int, int],
) -> None:
    """Refuse a frame of other sides before anything is allocated for it."""
    if plane.syntax == _RLE:  # it has no header of sides: it is decoded to the tags'
        return
    if announced is None:
        raise InputError(
            f"{plane.file}: its pixels ({name}, transfer syntax {plane.syntax}): cannot be decoded "
            "(no header of this kind where they begin); copy it again"
        )
    rows, columns, samples, bits = announced
    if (rows, columns) != wanted[:2] or samples != 1 or bits > wanted[2]:
        raise InputError(
            f"{plane.file}: its pixels decode to {rows} x {columns} ({name}, {samples} samples of "
            f"{bits} bits), its tags say {wanted[0]} x {wanted[1]} (one of {wanted[2]}); copy it "
            "again"
        )


def _rle(file: Path, data: bytes, rows: int, columns: int, allocated: int) -> NDArray[Any]:
    segments = int.from_bytes(data[:4], "little")
    if segments * 8 != allocated:
        raise ValueError(f"{segments} segments where BitsAllocated is {allocated}")
    plain = isolated(file, f"{CHILDS}rle_frame", data, rows, columns, allocated)
    return np.frombuffer(plain, f"<u{allocated // 8}").reshape(rows, columns)


def _jpeg_2000(file: Path, data: bytes, rows: int, columns: int, allocated: int) -> NDArray[Any]:
    boxed = data[:4] == _BOXED
    return np.asarray(isolated(file, "openjpeg:decode", data, None if boxed else 0))


def _jpeg(file: Path, data: bytes, rows: int, columns: int, allocated: int) -> NDArray[Any]:
    announced = _announced(data)
    if announced is not None and announced[3] > 8:
        return _imagecodecs("jpeg8_decode")(file, data, rows, columns, allocated)
    return jpeg_samples(file, read_frame(file, data))[..., 0]


def _imagecodecs(name: str) -> Decode:
    def decode(file: Path, data: bytes, rows: int, columns: int, allocated: int) -> NDArray[Any]:
        if importlib.util.find_spec("imagecodecs") is None:
            raise ValueError("needs imagecodecs: pip install imagecodecs")
        return np.asarray(isolated(file, f"imagecodecs:{name}", data))

    return decode


_CODECS: dict[str, tuple[str, bytes, Decode]] = {
    _RLE: ("RLE", b"", _rle),
    "1.2.840.10008.1.2.4.50": ("JPEG baseline", _JPEG, _jpeg),
    "1.2.840.10008.1.2.4.51": ("JPEG extended", _JPEG, _jpeg),
    "1.2.840.10008.1.2.4.57": ("JPEG lossless", _JPEG, _imagecodecs("jpegsof3_decode")),
    "1.2.840.10008.1.2.4.70": ("JPEG lossless", _JPEG, _imagecodecs("jpegsof3_decode")),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS", _JPEG, _imagecodecs("jpegls_decode")),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS", _JPEG, _imagecodecs("jpegls_decode")),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000", _J2K, _jpeg_2000),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", _J2K, _jpeg_2000),
    "1.2.840.10008.1.2.4.201": ("HTJ2K", _J2K, _jpeg_2000),
    "1.2.840.10008.1.2.4.202": ("HTJ2K", _J2K, _jpeg_2000),
    "1.2.840.10008.1.2.4.203": ("HTJ2K", _J2K, _jpeg_2000),
}
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 81))
"""Transfer syntaxes that always lose something."""
