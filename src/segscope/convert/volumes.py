"""One volume of a 4D NIfTI file, cut out byte for byte."""

import gzip
import struct
from pathlib import Path

from segscope.data.files import read_start, read_verified
from segscope.errors import InputError

_DIM, _BITPIX, _OFFSET, _PIXDIM = 40, 72, 108, 76


def is_volume(file: Path) -> bool:
    """Whether a NIfTI-1 file has three axes, so that there is nothing to cut."""
    head = read_start(file, 348)
    order = _order(head)
    return order is not None and struct.unpack_from(f"{order}h", head, _DIM)[0] == 3


def _order(raw: bytes) -> str | None:
    """Which way round numbers of a NIfTI-1 header are."""
    return next((o for o in "<>" if raw[:4] == struct.pack(f"{o}i", 348)), None)


def cut_volumes(file: Path) -> list[bytes]:
    """Cut a 4D NIfTI-1 file into NIfTI files of its volumes, compressed.

    A NIfTI file holds the first axis fastest, so a volume is one run of its bytes; the header stays
    as it is but for the number of axes.

    Args:
        file: ``.nii`` or ``.nii.gz`` of three or four axes.

    Returns:
        One whole ``.nii.gz`` per volume.

    Raises:
        InputError: Not a single-file NIfTI-1, of other axes, or cut short.
    """
    raw = read_verified(file)
    order = _order(raw)
    if order is None or raw[344:347] != b"n+1":
        raise InputError(f"{file}: is not a NIfTI-1 file in one piece; convert it to .nii.gz")
    dim = struct.unpack_from(f"{order}8h", raw, _DIM)
    bits = struct.unpack_from(f"{order}h", raw, _BITPIX)[0]
    offset = int(struct.unpack_from(f"{order}f", raw, _OFFSET)[0])
    beyond = [n for n in dim[5 : dim[0] + 1] if n != 1]
    if dim[0] not in (3, 4, 5, 6, 7) or beyond or min(dim[1:4]) < 1:
        raise InputError(f"{file}: has axes {list(dim[1 : dim[0] + 1])}, expected three or four")
    count = dim[4] if dim[0] > 3 else 1
    size = dim[1] * dim[2] * dim[3] * bits // 8
    if bits % 8 or offset < 352 or len(raw) != offset + count * size:
        raise InputError(
            f"{file}: has {len(raw) - offset} bytes of voxels, its header announces {count * size}"
        )
    header = bytearray(raw[:offset])
    struct.pack_into(f"{order}8h", header, _DIM, 3, *dim[1:4], 1, 1, 1, 1)
    struct.pack_into(f"{order}f", header, _PIXDIM + 16, 0.0)
    return [
        gzip.compress(bytes(header) + raw[at : at + size], 6, mtime=0)
        for at in range(offset, len(raw), size)
    ]
