"""NIfTI files by the verified path: every byte accounted for before a voxel is believed."""

import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.nifti_affine import header_affine
from segscope.data.decoders.nifti_fields import NIFTI2
from segscope.data.decoders.nifti_header import (
    Values,
    intent_notes,
    length_unit,
    number_type,
    parse_header,
    volume_shape,
    voxel_offset,
)
from segscope.data.decoders.payload import linear
from segscope.data.files import atomic_path, read_start, read_verified
from segscope.errors import InputError, WorkError
from segscope.images import Grid
from segscope.paths import is_file

_MOST_SIDE = 32767


def decode_nifti(path: Path, *, stored: bool = False) -> Decoded:
    """Read a ``.nii`` or ``.nii.gz`` file as a 3D volume; ``stored`` is said of label maps.

    Integers without scaling keep their type; scaled values are float32, or float64 where the file
    holds that or 64-bit integers, or where float32 might not hold them.

    Raises:
        InputError: Anything in the file contradicts itself; the message says what.
    """
    data = read_verified(path)
    header, order = parse_header(path, data)
    shape, squeezed = volume_shape(path, header)
    dtype = number_type(path, header, order)
    offset, between = voxel_offset(path, header, data, order)
    need = math.prod(shape) * dtype.itemsize
    if offset + need != len(data):
        raise InputError(
            f"{path}: {len(data)} bytes, its header announces {offset + need} "
            f"(shape {shape}, {dtype}, offset {offset}); it is cut short or damaged"
        )
    voxels = np.frombuffer(data, dtype, offset=offset).reshape(shape, order="F")
    array, scaled = _scaled(path, header, voxels)
    affine, chosen = header_affine(path, header, shape)
    meant = intent_notes(path, header, stored=stored)
    return Decoded(array[None], affine, (*squeezed, *between, *scaled, *chosen, *meant))


def write_nifti(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write a volume with exactly this affine, then read it back and compare.

    Codes, units and the number of dimensions follow ``like`` where it is a NIfTI file; free text
    of its header (which may name a patient) does not.
    """
    source = _header_of(like)
    scale, unit, codes = 1.0, "mm", (1, 1)
    shape = array.shape
    if source is not None and like is not None:
        scale, unit, _ = length_unit(like, source)
        codes = (source["qform_code"], source["sform_code"])
        if source["dim"][0] == 2 and shape[2:] == (1,):
            shape = shape[:2]
    # sides are 16-bit numbers in the first version
    kind: Any = nib.Nifti1Image if max(shape) <= _MOST_SIDE else nib.Nifti2Image
    header = kind.header_class()
    header.set_xyzt_units(unit)
    affine = grid.affine.copy()
    affine[:3] /= scale
    header.set_data_dtype(array.dtype)
    image = kind(array.reshape(shape), affine, header)
    # the sform holds any affine exactly; the qform only rotations, so it is set where it can
    image.set_sform(affine, codes[1] or codes[0] or 1)
    try:
        image.set_qform(affine, codes[0], strip_shears=False)
    except (nib.spatialimages.HeaderDataError, np.linalg.LinAlgError):
        image.set_qform(None, 0)
    raw = image.to_bytes()
    with atomic_path(path) as temporary:
        packed = igzip.compress(raw, 2, mtime=0) if path.name.lower().endswith(".gz") else raw
        temporary.write_bytes(packed)
        again = decode_nifti(temporary)
        grids_agree = np.allclose(again.affine, grid.affine, atol=1e-4 * scale, rtol=1e-5)
        if not grids_agree or not np.array_equal(again.array.reshape(array.shape), array):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")


def _scaled(
    path: Path, header: Values, stored: NDArray[Any]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if math.isnan(slope):  # what writers leave that set none; the C library and nibabel agree
        return native, ("scl_slope is not a number, so values are not scaled",)
    if not (math.isfinite(slope) and math.isfinite(inter)):
        raise InputError(
            f"{path}: its scaling is {slope} x + {inter}, finite numbers are expected; write 0 "
            "into scl_slope if its values are not scaled"
        )
    if slope == 0:  # "not scaled" in the standard
        said = f"scl_slope is 0, so values are not scaled; scl_inter {inter:g} does not count"
        return native, (said,) if inter else ()
    if slope == 1 and inter == 0:
        return native, ()
    return linear(native, slope, inter), ()


def _header_of(like: Path | None) -> Values | None:
    """Return the header of the image that an output follows, where that is NIfTI."""
    if like is None or not like.name.lower().endswith((".nii", ".nii.gz")) or not is_file(like):
        return None
    return parse_header(like, read_start(like, NIFTI2.size))[0]
