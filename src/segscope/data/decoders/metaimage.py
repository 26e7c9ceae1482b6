"""MetaImage files: one parser for header and voxels, every field of the format accounted for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.header import integer, number, numbers, sides
from segscope.data.decoders.metaimage_axes import read_affine
from segscope.data.decoders.metaimage_fields import FIELDS, read_fields
from segscope.data.decoders.payload import (
    GZIP,
    ZLIB,
    announced,
    compare,
    from_text,
    inflate,
    rescaled,
    write_checked,
)
from segscope.data.files import read_verified
from segscope.errors import InputError
from segscope.images import Grid

__all__ = ["FIELDS", "decode_metaimage", "write_metaimage"]

_TYPES = {
    "i1": ("MET_CHAR",),
    "u1": ("MET_UCHAR",),
    "i2": ("MET_SHORT",),
    "u2": ("MET_USHORT",),
    "i4": ("MET_INT", "MET_LONG"),  # four bytes each, whatever a compiler's long is
    "u4": ("MET_UINT", "MET_ULONG"),
    "i8": ("MET_LONG_LONG",),
    "u8": ("MET_ULONG_LONG",),
    "f4": ("MET_FLOAT",),
    "f8": ("MET_DOUBLE",),
}
_CODES = {name: code for code, names in _TYPES.items() for name in names}
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_MODALITIES = ("CT", "MR", "NM", "US", "PT")
_REQUIRED = ("NDims", "DimSize", "ElementType")
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_LARGEST_NDIMS = 10
# numbers that are not used: how many there are, or None for one an axis. The library reads on into
# the next line where one is missing, and loses that line's field
_UNUSED: dict[str, int | None] = {
    **dict.fromkeys(("ID", "ParentID", "CompressionLevel", "CompressedDataSize"), 1),
    **dict.fromkeys(("ElementMin", "ElementMax"), 1),
    **dict.fromkeys(("SequenceID", "ElementSize"), None),
    "Color": 4,
}


def decode_metaimage(path: Path, *, stored: bool = False) -> Decoded:
    """Read a volume with its header and voxels in one file; ``stored`` makes no difference.

    Two dimensions are a volume of one slice, as in NIfTI; a note says so.

    Raises:
        InputError: Anything in the file contradicts itself or the format, more than one number
            per voxel, not three axes, voxels in another file.
    """
    data = read_verified(path)
    fields, start = read_fields(path, data)
    shape, dtype = _shape_and_type(path, fields)
    affine, said = read_affine(path, fields, len(shape))
    values, notes = _voxels(path, fields, memoryview(data), start, shape, dtype)
    values, more = _real_values(path, fields, values)
    array = values.reshape((*shape[:3], 1)[:3], order="F")
    if len(shape) > 3:
        said = (f"squeezed from {len(shape)} dimensions to 3", *said)
    return Decoded(array[None], affine, (*notes, *said, *more), _modality(fields))


def write_metaimage(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write a volume compressed, read it back and compare; ``like`` makes no difference."""
    code = array.dtype.str[1:]
    if code not in _TYPES:
        raise InputError(
            f"{path}: {array.dtype} cannot be written as MetaImage; use another ending"
        )
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(order="F")
    packed = isal_zlib.compress(raw, 2)
    header = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"TransformMatrix = {_text((_TO_RAS[:, None] * grid.directions).T.ravel())}",
        f"Offset = {_text(_TO_RAS * grid.affine[:3, 3])}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_text(np.array(grid.spacing_mm))}",
        f"DimSize = {' '.join(str(side) for side in array.shape)}",
        f"ElementType = {_TYPES[code][0]}",
        "ElementDataFile = LOCAL",
    ]
    write_checked(path, "\n".join([*header, ""]).encode() + packed, decode_metaimage, array, grid)


def _shape_and_type(path: Path, fields: dict[str, str]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise InputError(f"{path}: its header gives no {missing[0]}; copy it again")
    if fields["ElementDataFile"] not in ("LOCAL", "Local", "local"):
        raise InputError(f"{path}: its voxels lie in another file; store both in one .mha file")
    several = [n for n in ("HeaderSizePerSlice", "HeaderSizesPerDataFile") if n in fields]
    if several:
        raise InputError(f"{path}: {several[0]} is for voxels in several files; remove it")
    if fields.get("ObjectType", "Image") != "Image":
        raise InputError(f"{path}: its ObjectType is {fields['ObjectType']!r}, expected Image")
    if integer(path, "FileFormatVersion", fields.get("FileFormatVersion", "0")) not in (0, 1):
        raise InputError(f"{path}: FileFormatVersion 0 and 1 are read; write it as one of these")
    count = integer(path, "NDims", fields["NDims"])
    if not 1 <= count <= _LARGEST_NDIMS:
        raise InputError(f"{path}: its NDims is {count}, a volume has 3; copy it again")
    shape = sides(path, "DimSize", fields["DimSize"], count)
    for name in _UNUSED.keys() & fields.keys():
        numbers(path, name, fields[name], _UNUSED[name] or count)
    channels = integer(path, "ElementNumberOfChannels", fields.get("ElementNumberOfChannels", "1"))
    if channels != 1:
        raise InputError(
            f"{path}: holds {channels} numbers per voxel, one is expected; store one channel per "
            "file"
        )
    if count < 2 or any(side > 1 for side in shape[3:]):
        raise InputError(
            f"{path}: has {count} dimensions (DimSize {list(shape)}), a volume has 3; store one "
            "volume per file"
        )
    return shape, _dtype(path, fields)


def _dtype(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    name = fields["ElementType"]
    if name not in _CODES:
        raise InputError(
            f"{path}: its ElementType is {name!r}, one of {', '.join(_CODES)} is expected; "
            "convert it"
        )
    dtype = np.dtype(_CODES[name])
    if "ElementNBits" in fields:
        bits = integer(path, "ElementNBits", fields["ElementNBits"])
        if not 1 <= bits <= 8 * dtype.itemsize:
            raise InputError(f"{path}: ElementNBits {bits} does not fit {name}; mend it")
    return dtype


def _voxels(
    path: Path,
    fields: dict[str, str],
    data: memoryview,
    start: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> tuple[NDArray[Any], tuple[str, ...]]:
    need = announced(path, shape, dtype)
    compressed = _flag(path, fields, ("CompressedData",), False)
    binary = _flag(path, fields, ("BinaryData",), True)
    big = _flag(path, fields, ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"), None)
    skip = integer(path, "HeaderSize", fields.get("HeaderSize", "0"))
    if not binary:
        if compressed or big or skip:
            raise InputError(
                f"{path}: voxels as text (BinaryData = False) have no compression, byte order or "
                "HeaderSize; mend its header"
            )
        return from_text(path, data[start:], dtype, need // dtype.itemsize), ()
    body: bytes | memoryview
    if compressed:
        if skip:
            raise InputError(f"{path}: HeaderSize {skip} of compressed data; write it without")
        body, notes = _inflated(path, fields, data[start:], need)
    else:
        body, notes = _after_header(path, data, start, skip, need)
    if big is None and dtype.itemsize > 1:
        notes += ("its header gives no byte order; little endian is assumed",)
    compare(path, len(body), need)
    values = np.frombuffer(body, dtype.newbyteorder(">" if big else "<"))
    return values.astype(dtype, copy=False), notes


def _inflated(
    path: Path, fields: dict[str, str], body: memoryview, need: int
) -> tuple[bytes, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if "CompressedDataSize" in fields:
        size = integer(path, "CompressedDataSize", fields["CompressedDataSize"])
        compare(path, len(body), size, "compressed bytes")
    else:
        notes = ("its header gives no CompressedDataSize; the data was read to its end",)
    return inflate(path, body, GZIP if bytes(body[:2]) == b"\x1f\x8b" else ZLIB, need), notes


def _after_header(
    path: Path, data: memoryview, start: int, skip: int, need: int
) -> tuple[memoryview, tuple[str, ...]]:
    """Voxels that begin where HeaderSize says, counted from the beginning of the file."""
    if skip == 0:
        return data[start:], ()
    begin = len(data) - need if skip == -1 else skip
    if begin < start or skip < -1:
        raise InputError(
            f"{path}: by its HeaderSize {skip} the voxels begin inside its header; mend it"
        )
    between = begin - start
    notes = (f"{between} bytes before its voxels skipped, as HeaderSize says",) if between else ()
    return data[begin:], notes


def _real_values(
    path: Path, fields: dict[str, str], values: NDArray[Any]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    slope, offset = (
        number(path, name, fields.get(name, default))
        for name, default in (
            ("ElementToIntensityFunctionSlope", "1"),
            ("ElementToIntensityFunctionOffset", "0"),
        )
    )
    real = rescaled(path, values, slope, offset)
    if real is values:
        return values, ()
    return real, (f"values rescaled by {slope:g} x + {offset:g} (ElementToIntensityFunction)",)


def _flag(
    path: Path, fields: dict[str, str], names: Sequence[str], default: bool | None
) -> bool | None:
    found = set()
    for name in names:
        word = fields.get(name, "").lower()
        if name in fields and word not in (*_TRUE, *_FALSE):
            raise InputError(
                f"{path}: its {name} is {fields[name]!r}, expected True or False; mend it"
            )
        if name in fields:
            found.add(word in _TRUE)
    if len(found) > 1:
        raise InputError(f"{path}: its {' and '.join(names)} differ and mean the same; remove one")
    return found.pop() if found else default


def _modality(fields: dict[str, str]) -> str | None:
    name = fields.get("Modality", "").removeprefix("MET_MOD_")
    return name if name in _MODALITIES else None


def _text(values: NDArray[np.float64]) -> str:
    return " ".join(repr(float(v)) for v in values)
