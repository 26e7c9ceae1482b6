"""NIfTI files by the verified path: every byte accounted for before a voxel is believed."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.files import atomic_path, read_verified
from segscope.errors import InputError, WorkError
from segscope.images import Grid

_LARGEST_SIDE = 32767
_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_ORDERED = ("u", "i", "f")


def decode_nifti(path: Path, *, stored: bool = False) -> Decoded:
    """Read a ``.nii`` or ``.nii.gz`` file as a 3D volume; ``stored`` makes no difference.

    Integers without scaling keep their type; scaled values are float32, or float64 where the file
    holds that or 64-bit integers.

    Raises:
        InputError: Anything in the file contradicts itself; the message says what.
    """
    data = read_verified(path)
    header = _read_header(path, data)
    shape, notes = _volume_shape(path, header)
    array = _voxels(path, header, data, shape)
    affine, said = _affine(path, header)
    return Decoded(array[None], affine, (*notes, *said))


def write_nifti(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write a volume with exactly this affine, then read it back and compare.

    Codes, units and the number of dimensions follow ``like`` where it is a NIfTI file; free text
    of its header (which may name a patient) does not.
    """
    header = nib.Nifti1Header()
    source = _header_of(like)
    scale, codes = 1.0, (1, 1)
    shape = array.shape
    if source is not None:
        units = source.get_xyzt_units()[0]
        header.set_xyzt_units(units)
        scale = _MM_PER_UNIT.get(units, 1.0)
        codes = (int(source["qform_code"]), int(source["sform_code"]))
        if source["dim"][0] == 2 and shape[2:] == (1,):
            shape = shape[:2]
    else:
        header.set_xyzt_units("mm")
    affine = grid.affine.copy()
    affine[:3] /= scale
    header.set_data_dtype(array.dtype)
    image = nib.Nifti1Image(array.reshape(shape), affine, header)
    # the sform holds any affine exactly; the qform only rotations, so it is set where it can
    image.set_sform(affine, codes[1] or codes[0] or 1)
    try:
        image.set_qform(affine, codes[0], strip_shears=False)
    except (nib.spatialimages.HeaderDataError, np.linalg.LinAlgError):
        image.set_qform(None, 0)
    raw = image.to_bytes()
    with atomic_path(path) as temporary:
        packed = igzip.compress(raw, 2, mtime=0) if path.name.endswith(".gz") else raw
        temporary.write_bytes(packed)
        again = decode_nifti(temporary)
        grids_agree = np.allclose(again.affine, grid.affine, atol=1e-4 * scale, rtol=1e-5)
        if not grids_agree or not np.array_equal(again.array.reshape(array.shape), array):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")


def _read_header(path: Path, data: bytes) -> Any:
    if len(data) < 348:
        raise InputError(f"{path}: {len(data)} bytes are too few for a NIfTI header; copy it again")
    size_le, size_be = (int.from_bytes(data[:4], order) for order in ("little", "big"))
    if 540 in (size_le, size_be):
        kind: Any = nib.Nifti2Header
    elif 348 in (size_le, size_be):
        kind = nib.Nifti1Header
    else:
        raise InputError(f"{path}: is not NIfTI (its header size is {size_le}); name an image file")
    length = kind.sizeof_hdr
    if len(data) < length:
        raise InputError(f"{path}: ends within its header; copy it again")
    header = kind(data[:length], check=False)
    magic = bytes(header["magic"]).rstrip(b"\0")
    if not magic.startswith((b"n+1", b"n+2")):
        raise InputError(
            f"{path}: has the magic {magic!r}, a single-file NIfTI has n+1 or n+2; "
            "convert it to one .nii.gz file"
        )
    return header


def _volume_shape(path: Path, header: Any) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    count = int(header["dim"][0])
    if not 1 <= count <= 7:
        raise InputError(f"{path}: its header says {count} dimensions, 1 to 7 are possible")
    sides = [int(d) for d in header["dim"][1 : count + 1]]
    if any(side < 1 or side > _LARGEST_SIDE for side in sides):
        raise InputError(f"{path}: its header says sides {sides}, each must be 1 to 32767")
    if any(side > 1 for side in sides[3:]):
        raise InputError(
            f"{path}: holds {int(np.prod(sides[3:]))} volumes (shape {sides}), one is expected; "
            "split it into one file per channel (segscope never takes the first silently)"
        )
    notes = (f"squeezed from {count} dimensions to 3",) if count > 3 else ()
    three = [*sides[:3], 1, 1][:3]
    return (three[0], three[1], three[2]), notes


def _voxels(path: Path, header: Any, data: bytes, shape: tuple[int, int, int]) -> NDArray[Any]:
    try:
        dtype = header.get_data_dtype()
    except (KeyError, nib.spatialimages.HeaderDataError):
        raise InputError(
            f"{path}: its header names the unknown datatype {int(header['datatype'])}"
        ) from None
    if dtype.kind not in _ORDERED or dtype.itemsize > 8:
        raise InputError(
            f"{path}: stores {dtype} (colour, complex or extended numbers), plain numbers are "
            "expected; convert it to one channel per file"
        )
    if int(header["bitpix"]) != 8 * dtype.itemsize:
        raise InputError(
            f"{path}: its header says {int(header['bitpix'])} bits per voxel of {dtype}"
        )
    offset = float(header["vox_offset"])
    lowest = int(header.sizeof_hdr)
    need = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not (lowest <= offset and float(offset).is_integer()):
        raise InputError(f"{path}: its voxels would begin at byte {offset}, inside its header")
    if int(offset) + need != len(data):
        raise InputError(
            f"{path}: {len(data)} bytes, its header announces {int(offset) + need} "
            f"(shape {shape}, {dtype}, offset {int(offset)}); it is cut short or damaged"
        )
    stored = np.frombuffer(data, dtype, offset=int(offset)).reshape(shape, order="F")
    return _scaled(path, header, stored)


def _scaled(path: Path, header: Any, stored: NDArray[Any]) -> NDArray[Any]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if not (np.isfinite(slope) and np.isfinite(inter)):
        raise InputError(f"{path}: its scaling is {slope} x + {inter}, finite numbers are expected")
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if slope == 0 or (slope == 1 and inter == 0):  # zero means "not scaled" in the standard
        return native
    wide = stored.dtype.itemsize == 8
    kind = np.float64 if wide else np.float32
    # in float64 first, as the other readers do, so that rounding happens once
    scaled = native * np.float64(slope)
    scaled += np.float64(inter)
    return scaled.astype(kind, copy=False)


def _affine(path: Path, header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    notes: list[str] = []
    qcode, scode = int(header["qform_code"]), int(header["sform_code"])
    pixdim = np.asarray(header["pixdim"][1:4], float)
    if not np.isfinite(pixdim).all():
        raise InputError(f"{path}: its voxel sizes are {pixdim.tolist()}, finite is expected")
    if scode > 0:
        affine = np.asarray(header.get_sform(), float)
        if qcode > 0:
            notes += _disagreement(header, affine)
    elif qcode > 0:
        affine = _qform(path, header)
    else:
        affine = np.asarray(header.get_base_affine(), float)
        notes.append("no orientation code: axes taken as left to right as nibabel does, unverified")
    if (pixdim < 0).any():
        notes.append(f"negative voxel sizes {pixdim.tolist()} in the header read as positive")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise InputError(
            f"{path}: its affine {affine[:3].tolist()} is not finite and invertible; "
            "set the geometry anew from the scanner's files"
        )
    units = header.get_xyzt_units()[0] if int(header["xyzt_units"]) & 7 in (0, 1, 2, 3) else None
    if units is None:
        raise InputError(f"{path}: its unit code {int(header['xyzt_units'])} is unknown")
    scale = _MM_PER_UNIT[units]
    if scale != 1.0:
        affine[:3] *= scale
        notes.append(f"lengths converted from {units} to mm")
    return affine, tuple(notes)


def _qform(path: Path, header: Any) -> NDArray[np.float64]:
    try:
        header = header.copy()
        header["pixdim"][1:4] = np.abs(header["pixdim"][1:4])
        return np.asarray(header.get_qform(), float)
    except (ValueError, nib.spatialimages.HeaderDataError) as error:
        raise InputError(f"{path}: its qform cannot be read ({error})") from None


def _disagreement(header: Any, sform: NDArray[np.float64]) -> list[str]:
    try:
        qform = np.asarray(_qform(Path(), header), float)
    except InputError:
        return ["qform cannot be read; the sform was taken"]
    shape = tuple(int(max(1, d)) for d in header["dim"][1:4])
    if not (np.isfinite(sform).all() and abs(np.linalg.det(sform[:3, :3])) > 1e-12):
        return []
    if not (np.isfinite(qform).all() and abs(np.linalg.det(qform[:3, :3])) > 1e-12):
        return ["qform is not usable; the sform was taken"]
    apart = Grid(shape, sform).displacement_mm(Grid(shape, qform))
    if apart <= 0.1 * min(Grid(shape, sform).spacing_mm):
        return []
    return [f"qform and sform differ by up to {apart:.3g} mm; the sform was taken"]


def _header_of(like: Path | None) -> Any:
    if like is None or not like.is_file() or not like.name.endswith((".nii", ".nii.gz")):
        return None
    opener: Any = gzip.open if like.name.endswith(".gz") else open
    with opener(like, "rb") as file:
        return _read_header(like, file.read(540).ljust(540, b"\0"))
