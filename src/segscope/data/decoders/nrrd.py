"""NRRD files: one parser for header and voxels, and every field of the format accounted for."""

from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.header import integer, sides
from segscope.data.decoders.nrrd_axes import read_axes
from segscope.data.decoders.nrrd_fields import FIELDS, read_fields
from segscope.data.decoders.payload import (
    GZIP,
    announced,
    bunzip,
    compare,
    from_text,
    inflate,
    write_checked,
)
from segscope.data.files import read_verified
from segscope.errors import InputError
from segscope.images import Grid

__all__ = ["FIELDS", "decode_layers", "decode_nrrd", "write_nrrd"]

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int",
           "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_CODES = {name: code for code, names in _TYPES.items() for name in names}
_TEXT = ("txt", "text", "ascii")
_ENCODINGS = ("raw", "gz", "gzip", "bz2", "bzip2", "hex", *_TEXT)
_MOST_SKIPPED = 1 << 20
_PER_AXIS = ("kinds", "space directions", "centerings", "units", "spacings", "thicknesses")
_REQUIRED = ("type", "dimension", "sizes", "encoding")


def decode_nrrd(path: Path, *, stored: bool = False) -> Decoded:
    """Read a volume of one file, or a plane as one slice, as `decode_metaimage` does.

    Raises:
        InputError: The file contradicts itself or the format; its voxels lie in another one, have
            more than one number each, or not three axes.
    """
    data = read_verified(path)
    fields, start = read_fields(path, data)
    sizes, dtype = _shape_and_type(path, fields)
    axes = read_axes(path, fields, sizes)
    flat, skipped = _voxels(path, fields, memoryview(data)[start:], sizes, dtype)
    array = flat.reshape(sizes if len(sizes) > 2 else (*sizes, 1), order="F")
    others = tuple(k for k in range(len(sizes)) if k not in axes.spatial)
    return Decoded(array.squeeze(axis=others)[None], axes.affine, (*skipped, *axes.notes))


def decode_layers(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Read a segmentation whose first axis may be a list of layers, as 3D Slicer stores it.

    Returns:
        ``(layers, i, j, k)`` and the affine of the other three axes.

    Raises:
        InputError: As of `decode_nrrd`.
    """
    data = read_verified(path)
    fields, start = read_fields(path, data)
    sizes, dtype = _shape_and_type(path, fields)
    flat, _ = _voxels(path, fields, memoryview(data)[start:], sizes, dtype)
    array = flat.reshape(sizes, order="F")
    if fields.get("kinds", "").lower().startswith("list ") and len(sizes) == 4:
        sizes = sizes[1:]
        fields = {name: text.partition(" ")[2].strip() if name in _PER_AXIS else text
                  for name, text in fields.items()}  # fmt: skip
    else:
        array = array[None]
    if len(sizes) != 3:
        raise InputError(f"{path}: has {len(sizes)} axes, a segmentation has 3 and one of layers")
    return array, read_axes(path, fields, sizes).affine


def write_nrrd(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write a volume compressed, read it back and compare; ``like`` makes no difference."""
    code = array.dtype.str[1:]
    if code not in _TYPES:
        raise InputError(f"{path}: {array.dtype} cannot be written as NRRD; use another ending")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
    columns = [_vector_text(affine[:3, k]) for k in range(3)]
    header = [
        "NRRD0004",
        f"type: {_TYPES[code][-1] if code[0] == 'f' else np.dtype(code).name}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(str(side) for side in array.shape)}",
        f"space directions: {' '.join(columns)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector_text(affine[:3, 3])}",
    ]
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(order="F")
    packed = igzip.compress(raw, 2, mtime=0)
    write_checked(path, "\n".join([*header, "", ""]).encode() + packed, decode_nrrd, array, grid)


def _shape_and_type(path: Path, fields: dict[str, str]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise InputError(f"{path}: its header gives no {missing[0]}; copy it again")
    if "data file" in fields:
        raise InputError(f"{path}: its voxels lie in another file; store both in one .nrrd file")
    for name in ("old min", "old max"):
        if fields.get(name, "nan").lower() != "nan":
            raise InputError(
                f"{path}: its values were quantised ({name} {fields[name]}) and are not the real "
                "ones; unquantise it, or remove old min and old max"
            )
    count = integer(path, "dimension", fields["dimension"])
    if not 1 <= count <= 16:
        raise InputError(f"{path}: its dimension is {count}, a volume has 3; copy it again")
    shape = sides(path, "sizes", fields["sizes"], count)
    return shape, _dtype(path, fields)


def _dtype(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    code = _CODES.get(fields["type"].lower())
    if code is None or "block size" in fields:
        raise InputError(
            f"{path}: its type is {fields['type']!r}, numbers such as short or float are expected; "
            "convert it"
        )
    dtype = np.dtype(code)
    endian = fields.get("endian", "none").lower()
    if endian not in ("little", "big", "none"):
        raise InputError(f"{path}: its endian is {endian!r}, little or big is expected; mend it")
    if endian == "none":
        if dtype.itemsize > 1 and fields["encoding"].lower() not in _TEXT:
            raise InputError(f"{path}: its header gives no endian; add endian: little or big")
        return dtype
    return dtype.newbyteorder("<" if endian == "little" else ">")


def _voxels(
    path: Path,
    fields: dict[str, str],
    body: memoryview,
    sizes: tuple[int, ...],
    dtype: np.dtype[Any],
) -> tuple[NDArray[Any], tuple[str, ...]]:
    need = announced(path, sizes, dtype)
    count = need // dtype.itemsize
    if "number" in fields and integer(path, "number", fields["number"]) != count:
        raise InputError(f"{path}: its number {fields['number']} is not that of its sizes; mend it")
    encoding = fields["encoding"].lower()
    if encoding not in _ENCODINGS:
        raise InputError(
            f"{path}: its encoding is {fields['encoding']!r}, raw, gzip, bzip2, hex and ascii are "
            "read; write it with one of these"
        )
    lines, skip = (integer(path, n, fields.get(n, "0")) for n in ("line skip", "byte skip"))
    if lines < 0 or not -1 <= skip <= _MOST_SKIPPED or (skip and encoding in ("hex", *_TEXT)):
        raise InputError(
            f"{path}: line skip {lines} and byte skip {skip} cannot be followed in {encoding} "
            "data; write it without them"
        )
    notes = (f"{lines} lines and {skip} bytes before its voxels skipped",) if lines or skip else ()
    body = _after_lines(path, body, lines)
    if encoding in _TEXT:
        return from_text(path, body, dtype.newbyteorder("="), count), notes
    raw = _unpacked(path, encoding, body, need + max(skip, 0))
    if skip == -1:  # the voxels end where the file ends
        if encoding != "raw":
            raise InputError(f"{path}: byte skip -1 needs the encoding raw; write it without")
        skip = max(0, len(raw) - need)
        notes = (f"{skip} bytes before its voxels skipped, as byte skip -1 says",) if skip else ()
    compare(path, len(raw) - skip, need)
    values = np.frombuffer(raw, dtype, offset=skip)
    return values.astype(dtype.newbyteorder("="), copy=False), notes


def _after_lines(path: Path, body: memoryview, lines: int) -> memoryview:
    if not lines:
        return body
    data, place = bytes(body), 0
    for _ in range(lines):
        place = data.find(b"\n", place) + 1
        if place == 0:
            raise InputError(f"{path}: line skip {lines} goes beyond its end; copy it again")
    return body[place:]


def _unpacked(path: Path, encoding: str, body: memoryview, need: int) -> bytes | memoryview:
    if encoding == "raw":
        return body
    if encoding in ("gz", "gzip"):
        return inflate(path, body, GZIP, need)
    if encoding in ("bz2", "bzip2"):
        return bunzip(path, body, need)
    try:
        return bytes.fromhex(bytes(body).decode("ascii"))
    except ValueError:
        raise InputError(f"{path}: its voxels are no hexadecimal digits; copy it again") from None


def _vector_text(values: NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(v)) for v in values)})"
