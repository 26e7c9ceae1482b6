"""NRRD and MetaImage files: checked here, then read by SimpleITK.

SimpleITK fills what is missing from a truncated file with zeros, so header and byte count are
checked first. Arrays come with axis 0 = ITK's i; the frame is turned from LPS to RAS.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.files import atomic_path, read_verified
from segscope.errors import InputError, WorkError
from segscope.images import Grid

_DAMAGED: Any = (igzip_lib.IsalError, zlib.error)  # isal ships stubs that are off
_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8"), 1),
    **dict.fromkeys(("uint8_t", "char"), 1),
    **dict.fromkeys(("short", "short int", "int16", "int16_t", "ushort", "signed short"), 2),
    **dict.fromkeys(("unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int"), 4),
    **dict.fromkeys(("uint32", "uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "ulonglong"), 8),
    **dict.fromkeys(("unsigned long long", "uint64", "uint64_t", "double"), 8),
}
_MHA_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG", "MET_ULONG"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_NO_SPACING = "its header gives no spacing; 1 mm is assumed"
_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def decode_itk(path: Path, *, stored: bool = False) -> Decoded:
    """Read a volume; ``stored`` makes no difference.

    Raises:
        InputError: Byte count and header disagree, data elsewhere, colour, or not three axes.
    """
    import SimpleITK

    data = read_verified(path)
    notes = (_check_nrrd if path.suffix.lower() == ".nrrd" else _check_mha)(path, data)
    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{path}: SimpleITK cannot read it ({reason})") from None
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{path}: holds {image.GetNumberOfComponentsPerPixel()} numbers per voxel, one is "
            "expected; store one channel per file"
        )
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image, notes = image[:, :, :, 0], (*notes, "squeezed from 4 dimensions to 3")
    if image.GetDimension() != 3:
        raise InputError(f"{path}: has {image.GetDimension()} dimensions, a volume has 3")
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = _TO_RAS @ directions * np.array(image.GetSpacing())
    affine[:3, 3] = _TO_RAS @ np.array(image.GetOrigin())
    return Decoded(array[None], affine, notes)


def write_itk(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write a volume compressed, read it back and compare."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin((_TO_RAS @ grid.affine[:3, 3]).tolist())
    image.SetDirection((_TO_RAS @ grid.directions).ravel().tolist())
    with atomic_path(path) as temporary:
        try:
            SimpleITK.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            raise WorkError(f"{path}: could not be written ({error})") from None
        again = decode_itk(temporary)
        same = np.array_equal(again.array[0], array)
        if not (same and np.allclose(again.affine, grid.affine, atol=1e-4)):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")


def _check_nrrd(path: Path, data: bytes) -> tuple[str, ...]:
    head, separator, body = data.partition(b"\n\n")
    if b"\r\n\r\n" in data[: len(head) + 4]:
        head, separator, body = data.partition(b"\r\n\r\n")
    if not data.startswith(b"NRRD") or not separator:
        raise InputError(f"{path}: is not NRRD (no NRRD header); name an image file")
    fields = _fields(head, ":")
    if "data file" in fields or "datafile" in fields:
        raise InputError(f"{path}: its voxels lie in another file; store both in one .nrrd file")
    kind = fields.get("type", "")
    encoding = fields.get("encoding", "raw")
    if kind not in _NRRD_BYTES or encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"{path}: type {kind!r} in encoding {encoding!r} is not supported")
    need = _count(path, fields.get("sizes", "")) * _NRRD_BYTES[kind]
    if encoding != "raw":
        body = _unzip(path, body, 31, need)
    _compare(path, len(body), need)
    return () if fields.keys() & {"space directions", "spacings"} else (_NO_SPACING,)


def _check_mha(path: Path, data: bytes) -> tuple[str, ...]:
    marker = data.find(b"ElementDataFile")
    if marker < 0:
        raise InputError(f"{path}: is not MetaImage (no ElementDataFile); name an image file")
    end = data.find(b"\n", marker)
    fields = _fields(data[:end], "=")
    if fields.get("elementdatafile", "").upper() != "LOCAL":
        raise InputError(f"{path}: its voxels lie in another file; store both in one .mha file")
    kind = fields.get("elementtype", "")
    if kind.upper() not in _MHA_BYTES:
        raise InputError(f"{path}: element type {kind!r} is not supported")
    need = _count(path, fields.get("dimsize", "")) * _MHA_BYTES[kind.upper()]
    need *= _count(path, fields.get("elementnumberofchannels", "1"))
    body = data[end + 1 :]
    if fields.get("compresseddata", "false").lower() == "true":
        body = _unzip(path, body, 15, need)
    _compare(path, len(body), need)
    return () if "elementspacing" in fields else (_NO_SPACING,)


def _fields(head: bytes, separator: str) -> dict[str, str]:
    lines = head.decode("latin-1").splitlines()
    pairs = (line.partition(separator) for line in lines if not line.startswith("#"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _count(path: Path, sizes: str) -> int:
    try:
        sides = [int(word) for word in sizes.split()]
    except ValueError:
        sides = []
    if not sides or any(side < 1 or side > 32767 for side in sides):
        raise InputError(f"{path}: its header says sizes {sizes!r}, each must be 1 to 32767")
    return int(np.prod(sides, dtype=np.int64))


def _unzip(path: Path, body: bytes, wbits: int, need: int) -> bytes:
    engine = isal_zlib.decompressobj(wbits=wbits)
    try:
        data: bytes = engine.decompress(body, need + 1)
    except _DAMAGED as error:
        raise InputError(f"{path}: damaged compressed data ({error}); copy it again") from None
    if not engine.eof and len(data) <= need:
        raise InputError(f"{path}: compressed data is cut short; copy it again")
    if engine.unused_data.strip(b"\0"):
        rest = len(engine.unused_data)
        raise InputError(f"{path}: {rest} bytes follow the compressed data; copy it again")
    return data


def _compare(path: Path, got: int, need: int) -> None:
    if got != need:
        raise InputError(f"{path}: {got} bytes of voxels, its header announces {need}; damaged")
