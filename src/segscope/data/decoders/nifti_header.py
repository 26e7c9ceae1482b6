"""A NIfTI header, taken apart once and checked; what is built from it trusts nothing else."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.decoders.nifti_fields import NIFTI1, NIFTI2
from segscope.errors import InputError

Values = dict[str, Any]
"""Field to value, see `segscope.data.decoders.nifti_fields`."""

_PLAIN = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8",
          256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}  # fmt: skip
_OTHER = {1: "single bits", 32: "complex64", 128: "RGB", 1536: "float128", 1792: "complex128",
          2048: "complex256", 2304: "RGBA"}  # fmt: skip
_MOST_SIDE = {1: 32767, 2: 2**40}
_LAST_CODE = 5
_TEMPORAL = (0, 8, 16, 24, 32, 40, 48)
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_UNITS = {0: "unknown", 1: "meter", 2: "mm", 3: "micron"}
_STATISTICS = range(2, 25)
_LABELS = 1002
_SEVERAL = {1004: "matrices", 1005: "symmetric matrices", 1006: "displacement vectors",
            1007: "vectors", 1008: "points", 1009: "triangles", 1010: "quaternions",
            2003: "RGB colours", 2004: "RGBA colours"}  # fmt: skip
_EOL = b"\r\n\x1a\n"


def parse_header(path: Path, data: bytes) -> tuple[Values, str]:
    """Take a single-file NIfTI's header apart.

    Args:
        path: For messages.
        data: The file's bytes, its first 544 at least where it has them.

    Returns:
        Its values and the byte order, ``<`` or ``>``.

    Raises:
        InputError: It is no NIfTI file, or one of a pair.
    """
    order, layout = _version(path, data)
    if len(data) < layout.size:
        raise InputError(f"{path}: ends within its header; copy it again")
    values = layout.unpack(data, order)
    _check_magic(path, values)
    for name in ("sform_code", "qform_code"):
        if not 0 <= values[name] <= _LAST_CODE:
            raise InputError(
                f"{path}: its {name} is {values[name]}, 0 to {_LAST_CODE} are possible; set its "
                "geometry anew from the scanner's files"
            )
    return values, order


def _version(path: Path, data: bytes) -> tuple[str, Any]:
    if data[:2] == b"\x1f\x8b":
        raise InputError(f"{path}: is gzip under a name without .gz; rename it to end in .nii.gz")
    if len(data) < NIFTI1.size:
        raise InputError(f"{path}: {len(data)} bytes are too few for a NIfTI header; copy it again")
    for order, name in (("<", "little"), (">", "big")):
        size = int.from_bytes(data[:4], name)  # type: ignore[arg-type]
        if size in (348, 540):
            return order, NIFTI1 if size == 348 else NIFTI2
    raise InputError(
        f"{path}: is not NIfTI (its header size is {int.from_bytes(data[:4], 'little')}, "
        "expected is 348 or 540); name an image file"
    )


def _check_magic(path: Path, values: Values) -> None:
    magic, second = values["magic"], "eol_check" in values
    if magic == (b"n+2\0" if second else b"n+1\0"):
        if second and values["eol_check"] not in (_EOL, bytes(4)):  # early writers left it 0
            raise InputError(
                f"{path}: the bytes behind its magic are {values['eol_check']!r}, expected are "
                f"{_EOL!r}: it was changed in a transfer as text; copy it again as binary"
            )
        return
    if magic in (b"ni1\0", b"ni2\0"):
        said, remedy = "is the header of a pair (.hdr and .img)", "convert both to one .nii.gz file"
    elif magic == bytes(4) and not second:
        said = "has no NIfTI magic: it is Analyze 7.5, which does not say where left and right are"
        remedy = "convert it to one .nii.gz file with a program that knows its source"
    else:
        said = f"has the magic {magic!r}, a single-file NIfTI has n+1 or n+2"
        remedy = "convert it to one .nii.gz file"
    raise InputError(f"{path}: {said}; {remedy}")


def volume_shape(path: Path, values: Values) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Return the shape of the one volume, and a note where dimensions were left out."""
    count = values["dim"][0]
    if not 1 <= count <= 7:
        raise InputError(
            f"{path}: its header says {count} dimensions, 1 to 7 are possible; copy it again"
        )
    sides = list(values["dim"][1 : count + 1])
    most = _MOST_SIDE[2 if "eol_check" in values else 1]
    if any(not 1 <= side <= most for side in sides):
        raise InputError(
            f"{path}: its header says sides {sides}, each must be 1 to {most}; copy it again"
        )
    if (each := math.prod(sides[4:])) > 1:
        raise InputError(
            f"{path}: holds {each} values per voxel (shape {sides}), one is expected; "
            "split it into one file per channel (segscope never takes the first silently)"
        )
    if any(side > 1 for side in sides[3:]):
        raise InputError(
            f"{path}: holds {sides[3]} volumes (shape {sides}), one is expected; "
            "split it into one file per channel (segscope never takes the first silently)"
        )
    three = [*sides[:3], 1, 1][:3]
    notes = (f"squeezed from {count} dimensions to 3",) if count > 3 else ()
    return (three[0], three[1], three[2]), notes


def number_type(path: Path, values: Values, order: str) -> np.dtype[Any]:
    """Return how a voxel is stored; plain numbers are possible."""
    code = values["datatype"]
    if code in _OTHER:
        raise InputError(
            f"{path}: stores {_OTHER[code]} (colour, complex or extended numbers), plain numbers "
            "are expected; convert it to one channel per file"
        )
    if code not in _PLAIN:
        raise InputError(f"{path}: its header names the unknown datatype {code}; copy it again")
    dtype = np.dtype(order + _PLAIN[code])
    if values["bitpix"] != 8 * dtype.itemsize:
        raise InputError(
            f"{path}: its header says {values['bitpix']} bits per voxel of {dtype}; copy it again"
        )
    return dtype


def voxel_offset(
    path: Path, values: Values, data: bytes, order: str
) -> tuple[int, tuple[str, ...]]:
    """Return where voxels begin; all between header and voxels is accounted for."""
    layout = NIFTI2 if "eol_check" in values else NIFTI1
    offset = values["vox_offset"]
    if offset == 0:  # voxels begin here for nibabel, at 348 for nifti_clib, at 352 by the standard
        raise InputError(
            f"{path}: its vox_offset is 0, so its voxels would begin inside its header; programs "
            f"read it from different places: write {layout.size} there if they follow the header"
        )
    if not (math.isfinite(offset) and offset >= layout.size and float(offset).is_integer()):
        raise InputError(
            f"{path}: its voxels would begin at byte {offset}, inside its header "
            f"(of {layout.size} bytes); copy it again"
        )
    begin = int(offset)
    between = data[layout.size : begin]
    extended, *others = values["extension"]
    notes = ("the bytes that are kept for later use are not 0",) if any(others) else ()
    if extended:
        return begin, (*notes, *_extensions(path, between, order))
    if between.strip(b"\0"):
        notes = (*notes, f"{len(between)} bytes between header and voxels have no meaning")
    return begin, notes


def _extensions(path: Path, between: bytes, order: str) -> tuple[str, ...]:
    """Walk along the chain of sizes."""
    place, uneven = 0, 0
    name: Any = "little" if order == "<" else "big"
    while between[place:].strip(b"\0"):
        size = int.from_bytes(between[place : place + 4], name, signed=True)
        if size < 8 or place + size > len(between):
            raise InputError(
                f"{path}: an extension of its header says {size} bytes where "
                f"{len(between) - place} lie before the voxels; copy it again"
            )
        uneven += size % 16 > 0
        place += size
    if not uneven:
        return ()
    return (f"{uneven} extensions of the header have a size that is no multiple of 16",)


def length_unit(path: Path, values: Values) -> tuple[float, str, tuple[str, ...]]:
    """Return millimetres per unit of length, the unit's name and what there is to say."""
    code = values["xyzt_units"]
    spatial = code & 7
    valid = code == spatial + (code & 56) and code & 56 in _TEMPORAL
    if spatial not in _MM_PER_UNIT or not (valid or _MM_PER_UNIT[spatial] == 1.0):
        raise InputError(
            f"{path}: its unit code {code} is unknown; write the unit of its lengths anew (2 is mm)"
        )
    scale, unit = _MM_PER_UNIT[spatial], _UNITS[spatial]
    if not valid:
        return scale, unit, (f"its unit code {code} does not exist; lengths taken as mm",)
    return scale, unit, () if scale == 1.0 else (f"lengths converted from {unit} to mm",)


def intent_notes(path: Path, values: Values, *, stored: bool) -> tuple[str, ...]:
    """Say what the header says that values mean, where that is no plain intensity."""
    code = values["intent_code"]
    if code in _SEVERAL:
        raise InputError(
            f"{path}: its header says {_SEVERAL[code]} (intent code {code}), but it holds one "
            "number per voxel; write intent code 0 if these are plain values"
        )
    if code == 0 or (code == _LABELS and stored):
        return ()
    if code == _LABELS:
        return ("its header says that values are labels, not intensities",)
    kind = "a statistic" if code in _STATISTICS else "no plain intensities"
    return (f"its header says that values are {kind} (intent code {code})",)
