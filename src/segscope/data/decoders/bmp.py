"""BMP: every field of its headers accounted for; decoded here, without a library."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.bmp_runs import run_lengths
from segscope.data.decoders.colour import Plane, as_meant
from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.exif import not_square
from segscope.data.decoders.fields import Field
from segscope.data.decoders.samples import check_size, unpacked
from segscope.data.files import read_verified
from segscope.errors import InputError

_LOOK = Field("harmless", "how samples look on a screen; they are kept as stored")
_MASK = Field("used", "which bits of a pixel are a colour")
FIELDS: dict[str, Field] = {
    "bfType": Field("checked", "BM; arrays, icons and pointers of OS/2 are refused"),
    "bfSize": Field("checked", "bytes of the file; 0 is not said; more than there are: cut short"),
    "bfReserved1": Field("harmless", "nothing"),
    "bfReserved2": Field("harmless", "nothing"),
    "bfOffBits": Field("used", "where pixels begin, behind header and palette"),
    "bcSize": Field("used", "which header it is: 12, 40, 52, 56, 64, 108 or 124 bytes"),
    "biWidth": Field("used", "columns"),
    "biHeight": Field("used", "rows; negative is from the top down"),
    "biPlanes": Field("checked", "1"),
    "biBitCount": Field("used", "1, 4, 8, 16, 24 or 32 bits per pixel"),
    "biCompression": Field("used", "none, run lengths, bit fields; others are refused"),
    "biSizeImage": Field("checked", "bytes of the pixels; 0 is not said"),
    "biXPelsPerMeter": Field("noted", "pixels that are not square"),
    "biYPelsPerMeter": Field("noted", "pixels that are not square"),
    "biClrUsed": Field("used", "colours of the palette; 0 is all"),
    "biClrImportant": Field("harmless", "which colours a poor screen should show"),
    "bV4RedMask": _MASK,
    "bV4GreenMask": _MASK,
    "bV4BlueMask": _MASK,
    "bV4AlphaMask": Field("used", "opacity: opaque is dropped, transparent refused"),
    "bV4CSType": _LOOK,
    "bV4Endpoints": _LOOK,
    "bV4GammaRed": _LOOK,
    "bV4GammaGreen": _LOOK,
    "bV4GammaBlue": _LOOK,
    "bV5Intent": _LOOK,
    "bV5ProfileData": Field("checked", "where the colour profile lies"),
    "bV5ProfileSize": Field("checked", "how many bytes it has"),
    "bV5Reserved": Field("harmless", "nothing"),
    "OS/2 extension": Field("harmless", "units, recording, halftoning of the 64 byte header"),
    "palette": Field("used", "colours of indices"),
}
"""What becomes of each field, by its name in Windows' headers."""

_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_PACKINGS = {
    0: (1, 4, 8, 16, 24, 32),
    1: (8,),
    2: (4,),
    3: (16, 32),
    6: (16, 32),
}
_PLAIN_MASKS = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}


@dataclass(frozen=True)
class _Header:
    size: int
    rows: int
    columns: int
    downwards: bool
    bits: int
    packing: int
    offset: int
    image_size: int
    density: tuple[int, int]
    colours: int
    masks: tuple[int, int, int, int]
    masks_end: int
    profile: tuple[int, int]


def decode_bmp(path: Path, *, stored: bool = False) -> Decoded:
    """Read a BMP file as ``(C, rows, columns)``, C = 1 or 3; see `colour` for the rule.

    Raises:
        InputError: Cut short, fields that contradict each other, transparent, or a rare kind.
    """
    return bmp_decoded(path, read_verified(path), stored=stored)


def bmp_decoded(path: Path, data: bytes, *, stored: bool) -> Decoded:
    """As `decode_bmp`, of a file's bytes."""
    header = _header(path, data)
    notes = list(not_square(*header.density))
    palette = _palette(path, data, header)
    lines, used = _lines(path, data, header)
    notes += _rest(path, data, header, used)
    if not header.downwards:
        lines = lines[::-1]
    alpha, transparent = False, None
    bits = 8
    if header.bits <= 8:
        samples, bits = lines[..., None], header.bits
    elif header.bits == 24:
        samples = lines.reshape(header.rows, header.columns, 3)[..., ::-1]
    else:
        samples, bits, alpha, said = _fields(path, header, lines, stored)
        notes += said
    plane = Plane(
        samples,
        bits,
        "palette" if header.bits <= 8 else "rgb",
        alpha=alpha,
        palette=palette,
        transparent=transparent,
        notes=tuple(notes),
    )
    return as_meant(path, plane, stored=stored)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path}: cannot be decoded ({what}); copy it again")


def _header(path: Path, data: bytes) -> _Header:
    if data[:2] != b"BM":
        raise _damaged(path, "is not BMP")
    if len(data) < 26:
        raise _damaged(path, "cut short in its header")
    announced, offset, size = struct.unpack_from("<I4xII", data, 2)
    if size not in _HEADERS:
        raise InputError(f"{path}: has a header of {size} bytes, an unknown kind; save it as PNG")
    if announced > len(data) or 14 + size > len(data):
        raise _damaged(path, f"cut short: {announced} bytes are announced, {len(data)} are there")
    packing = image_size = colours = 0
    density = (0, 0)
    if size == 12:
        columns, rows, planes, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        columns, rows, planes, bits, packing, image_size, *rest = struct.unpack_from(
            "<iiHHIIiiI", data, 18
        )
        density, colours = (rest[0], rest[1]), rest[2]
    if planes != 1 or bits not in _PACKINGS.get(packing, ()) or (size == 64 and packing > 2):
        raise InputError(
            f"{path}: has {planes} planes of {bits} bits with compression {packing}, which is not "
            "read; save it as PNG"
        )
    if rows < 0 and packing in (1, 2):
        raise _damaged(path, "run lengths from the top down do not exist")
    check_size(path, abs(rows), columns)
    masks, masks_end = _masks(path, data, size, packing, bits)
    profile = struct.unpack_from("<II", data, 126) if size == 124 else (0, 0)
    if not masks_end <= offset <= len(data):
        raise _damaged(path, f"its pixels begin at {offset}, inside its header or beyond its end")
    return _Header(size, abs(rows), columns, rows < 0, bits, packing, offset, image_size, density,
                   colours, masks, masks_end, (profile[0], profile[1]))  # fmt: skip


def _masks(
    path: Path, data: bytes, size: int, packing: int, bits: int
) -> tuple[tuple[int, int, int, int], int]:
    """Red, green, blue and alpha mask, and where the header ends with them."""
    end = 14 + size
    if packing not in (3, 6):
        return _PLAIN_MASKS.get(bits, (0, 0, 0, 0)), end
    count = 4 if packing == 6 or size >= 56 else 3
    if size == 40:
        end += 4 * count
    if end > len(data):
        raise _damaged(path, "cut short in its header")
    found = struct.unpack_from(f"<{count}I", data, 54)
    red, green, blue, alpha = (*found, 0)[:4]
    taken = 0
    for mask in (red, green, blue, alpha):
        low = mask & -mask
        if mask & taken or mask >> bits or (mask and (mask // low + 1) & (mask // low)):
            raise _damaged(path, "bit fields that overlap or have gaps")
        taken |= mask
    if not (red and green and blue):
        raise _damaged(path, "a colour without bits")
    return (red, green, blue, alpha), end


def _palette(path: Path, data: bytes, header: _Header) -> NDArray[Any] | None:
    if header.bits > 8:
        return None
    count = header.colours or 1 << header.bits
    if count > 1 << header.bits:
        raise _damaged(path, f"{count} colours of {header.bits} bits")
    width = 3 if header.size == 12 else 4
    end = header.masks_end + count * width
    if header.size == 12 and end > header.offset:  # that header cannot say that there are fewer
        count = (header.offset - header.masks_end) // width
        end = header.masks_end + count * width
    if end > header.offset or count < 1:
        raise _damaged(path, "its palette reaches into its pixels")
    entries = np.frombuffer(data, np.uint8, count * width, header.masks_end)
    return entries.reshape(count, width)[:, 2::-1]


def _lines(path: Path, data: bytes, header: _Header) -> tuple[NDArray[Any], int]:
    """Rows as they are stored (samples, or bytes of wide pixels), and how many bytes they took."""
    if header.packing in (1, 2):
        end = header.offset + header.image_size if header.image_size else len(data)
        if end > len(data):
            raise _damaged(path, "cut short in its pixels")
        return run_lengths(
            path, data[header.offset : end], header.rows, header.columns, header.bits
        )
    stride = (header.columns * header.bits + 31) // 32 * 4
    size = stride * header.rows
    if header.offset + size > len(data) or 0 < header.image_size < size:
        raise _damaged(
            path,
            f"cut short: {size} bytes of pixels are needed, {len(data) - header.offset} are there",
        )
    table = np.frombuffer(data, np.uint8, size, header.offset).reshape(header.rows, stride)
    if header.bits <= 8:
        return unpacked(table, header.columns, header.bits), size
    return table[:, : header.columns * header.bits // 8], size


def _rest(path: Path, data: bytes, header: _Header, used: int) -> list[str]:
    """Bytes that are neither header nor palette nor pixels."""
    width = 3 if header.size == 12 else 4
    head = (
        header.masks_end + (header.colours or (1 << header.bits if header.bits <= 8 else 0)) * width
    )
    gap = max(0, header.offset - head)
    behind = len(data) - header.offset - used
    place, size = header.profile
    if size and 14 + place + size > len(data):
        raise _damaged(path, "cut short in its colour profile")
    free = gap + behind - size
    if free >= max(used, 64):
        raise InputError(
            f"{path}: holds {free} bytes that nothing in it accounts for, room for another "
            "picture; save it as PNG"
        )
    return [f"{free} bytes in it are not accounted for"] if free > 64 else []


def _fields(
    path: Path, header: _Header, lines: NDArray[Any], stored: bool
) -> tuple[NDArray[Any], int, bool, list[str]]:
    """Pixels of 16 or 32 bits to RGB or RGBA: samples, bits, whether there is alpha, notes."""
    kind = "<u2" if header.bits == 16 else "<u4"
    pixels = np.ascontiguousarray(lines).view(kind).astype(kind[1:])
    masks = [*header.masks]
    if header.bits == 32 and header.packing == 0:
        spare = pixels >> 24
        if spare.any():  # unused by the standard; programs put their opacity there
            masks[3] = 0xFF000000
    alpha = masks[3] != 0
    depths = [mask.bit_count() for mask in masks[: 4 if alpha else 3]]
    parts = [(pixels & mask) >> ((mask & -mask).bit_length() - 1) for mask in masks[: len(depths)]]
    highest = max(depths)
    if highest > 16:
        raise InputError(f"{path}: has {highest} bits per colour, 16 are read; save it as PNG")
    if set(depths) == {8}:
        return np.stack(parts, -1).astype(np.uint8), 8, alpha, []
    said = ", ".join(map(str, depths))
    if alpha:
        opaque = (parts.pop() == 2 ** depths.pop() - 1).all()
        if not opaque:
            raise InputError(f"{path}: is partly transparent; flatten it onto a background first")
    type_ = np.uint8 if highest <= 8 else np.uint16
    samples = np.stack(parts, -1)
    if stored or (len(set(depths)) == 1 and highest > 8):
        return samples.astype(type_), highest, False, [f"{said} bits per colour, read as stored"]
    if highest > 8:
        raise InputError(f"{path}: has {said} bits per colour; save it as PNG")
    full = np.array([2**depth - 1 for depth in depths])
    scaled = (samples.astype(np.uint32) * 255 // full).astype(np.uint8)
    return scaled, 8, False, [f"{said} bits per colour, brought to 8"]
