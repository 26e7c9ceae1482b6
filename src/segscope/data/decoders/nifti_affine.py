"""From a NIfTI header's qform, sform and voxel sizes to one affine; what was chosen is said."""

import math
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.nifti_header import Values, length_unit
from segscope.errors import InputError
from segscope.images import Grid, is_invertible

_APART_VOXELS = 0.1
_ROUNDED = 3 * float(np.finfo(np.float32).eps)

Affine = NDArray[np.float64]


def header_affine(
    path: Path, values: Values, shape: tuple[int, int, int]
) -> tuple[Affine, tuple[str, ...]]:
    """Return the affine in millimetres and what there was to choose.

    The sform counts where it has a code, else the qform, else voxel sizes alone with nibabel's
    convention (x runs to the left, the origin in the middle).

    Raises:
        InputError: It is not finite or not invertible, or its unit does not exist.
    """
    pixdim = values["pixdim"][1:4]
    if not all(map(math.isfinite, pixdim)):
        raise InputError(
            f"{path}: its voxel sizes are {list(pixdim)}, finite is expected; set its geometry "
            "anew from the scanner's files"
        )
    notes: tuple[str, ...] = ()
    if values["sform_code"]:
        affine = _sform(values)
    elif values["qform_code"]:
        affine, notes = _qform(path, values)
    else:
        affine, notes = _without_codes(values, shape)
    if not is_invertible(affine):
        raise InputError(
            f"{path}: its affine {affine[:3].tolist()} is not finite and invertible; "
            "set the geometry anew from the scanner's files"
        )
    if values["sform_code"]:
        notes = (*_disagreement(path, values, Grid(shape, affine)), *_sizes(values, shape, affine))
    if any(size < 0 for size in pixdim):
        said = f"negative voxel sizes {[round(s, 6) for s in pixdim]} in the header"
        notes = (*notes, f"{said} read as positive")
    scale, _, said_of_unit = length_unit(path, values)
    affine[:3] *= scale
    return affine, (*notes, *said_of_unit)


def _sform(values: Values) -> Affine:
    return np.array([*(values[f"srow_{axis}"] for axis in "xyz"), (0, 0, 0, 1)], np.float64)


def _qform(path: Path, values: Values) -> tuple[Affine, tuple[str, ...]]:
    bcd = [values[f"quatern_{axis}"] for axis in "bcd"]
    square = sum(q * q for q in bcd) if all(abs(q) < 2 for q in bcd) else math.nan
    if not square <= 1 + _ROUNDED:  # also where it is NaN
        raise InputError(
            f"{path}: its qform cannot be read (quaternion {bcd} is no rotation); set its geometry "
            "anew from the scanner's files"
        )
    qfac = values["pixdim"][0]
    if not (math.isfinite(qfac) and (qfac >= 0 or qfac == -1)):  # readers disagree on others
        raise InputError(
            f"{path}: its qform cannot be read (qfac {qfac:g}, expected is 1 or -1); set its "
            "geometry anew from the scanner's files"
        )
    turn = nib.quaternions.quat2mat(nib.quaternions.fillpositive(np.array(bcd), _ROUNDED))
    sizes = np.abs(values["pixdim"][1:4]) * (1, 1, -1 if qfac == -1 else 1)
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(sizes)
    affine[:3, 3] = [values[f"qoffset_{axis}"] for axis in "xyz"]
    # 0 is 1 in the standard
    return affine, () if qfac in (-1, 0, 1) else (f"qfac {qfac:g} in the header read as 1",)


def _without_codes(values: Values, shape: tuple[int, int, int]) -> tuple[Affine, tuple[str, ...]]:
    count = values["dim"][0]
    # sizes of dimensions that the header does not have mean nothing
    sizes = np.array([abs(s) if k < count else 1 for k, s in enumerate(values["pixdim"][1:4])])
    steps = sizes * (-1.0, 1.0, 1.0)
    affine = np.diag([*steps, 1.0])
    with np.errstate(over="ignore"):  # an infinite origin is refused below
        affine[:3, 3] = -(np.array(shape) - 1) / 2.0 * steps
    said = "no orientation code: axes taken as left to right as nibabel does, unverified"
    return affine, (said if count > 2 else f"{said}, voxels 1 thick",)


def _disagreement(path: Path, values: Values, sform: Grid) -> tuple[str, ...]:
    """Compare the sform with a qform that has a code too."""
    if not values["qform_code"]:
        return ()
    try:
        qform, _ = _qform(path, values)
    except InputError:
        return ("qform cannot be read; the sform was taken",)
    if not is_invertible(qform):
        return ("qform is not usable; the sform was taken",)
    apart = sform.displacement_mm(Grid(sform.shape, qform))
    if apart <= _APART_VOXELS * min(sform.spacing_mm):
        return ()
    scale, _, _ = length_unit(path, values)
    return (f"qform and sform differ by up to {apart * scale:.3g} mm; the sform was taken",)


def _sizes(values: Values, shape: tuple[int, int, int], affine: Affine) -> tuple[str, ...]:
    """Compare voxel sizes with the sform's, which other programs may do the other way round."""
    sizes = np.abs(values["pixdim"][1:4])
    own = np.linalg.norm(affine[:3, :3], axis=0)
    there = [k < values["dim"][0] for k in range(3)]
    steps = np.maximum(np.array(shape) - 1, 1)
    with np.errstate(over="ignore"):  # of doubles; such a size is refused by its grid
        apart = np.abs(sizes - own) * steps > _APART_VOXELS * own
    if not apart[there].any():
        return ()
    said, taken = (" x ".join(f"{s:.4g}" for s in triple) for triple in (sizes, own))
    return (f"voxel sizes {said} in the header, {taken} by its sform; the sform was taken",)
