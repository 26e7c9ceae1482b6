"""The one door for images and label maps, whatever the format.

Every reader behind it has checked its file's bytes; here the values are checked: finite, real,
whole numbers where they are labels. What had to be chosen or changed is in the result's notes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded, decoding
from segscope.data.decoders.dicom import decode_series, is_series
from segscope.data.formats import decode, image_ending, unknown_kind
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap
from segscope.paths import is_folder, kind_of

_SHEAR_DEGREES = 1.0
_LABEL_TOLERANCE = 1e-3
_HIGHEST_LABEL = 65535
_LARGEST, _TINY = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
_WHOLE_IN_FLOAT32 = 2**24
_SPACINGS_MM = (1e-9, 1e6)
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ReadOptions:
    """What may be changed when files are read. Nothing is, unless it is asked for.

    Args:
        replace_nonfinite: Put this in place of NaN and infinities, and note how many.
        resample_shear: Resample a sheared grid (gantry tilt) onto an upright one.
        resample_labels: Bring a label of another grid onto the image's, by nearest neighbour.
        label_mapping: Stored value to label; values that are not named stay as they are.
    """

    replace_nonfinite: float | None = None
    resample_shear: bool = False
    resample_labels: bool = False
    label_mapping: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        value = self.replace_nonfinite
        if value is not None and not abs(value) <= _LARGEST:
            raise InputError(
                f"replace_nonfinite {value}: is not finite itself (in 32 bits); name a number"
            )
        for stored, label in self.label_mapping.items():
            if not (_is_label(stored) and _is_label(label)):
                raise InputError(
                    f"label_mapping {stored!r}: {label!r}: is no pair of labels; name whole "
                    f"numbers from 0 to {_HIGHEST_LABEL}"
                )


def _is_label(value: object) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 0 <= int(value) <= _HIGHEST_LABEL  # type: ignore[call-overload]


AS_STORED = ReadOptions()


def read_image(path: Path, *, reading: ReadOptions = AS_STORED) -> Image:
    """Read one image file or one folder with a DICOM series.

    Args:
        path: ``.nii .nii.gz .nrrd .mha .png .tif .jpg .bmp``, or a folder.
        reading: What may be changed instead of refused; it is noted.

    Returns:
        ``(C, *S)``: C is 3 for RGB, else 1.

    Raises:
        InputError: The file is not whole, or cannot be believed.
    """
    path = Path(path)
    with decoding(path):
        found = _read(path, stored=False)
        array, said = _finite(path, found.array, reading.replace_nonfinite)
        beyond = _beyond_float32(path, array)
        image = Image(array, _grid(path, found), (*found.notes, *said, *beyond), found.modality)
        return _upright(path, image, order=1) if _sheared(path, image.grid, reading) else image


def read_label(
    path: Path,
    *,
    labels: Mapping[str, int] | None = None,
    reading: ReadOptions = AS_STORED,
) -> LabelMap:
    """Read one label map: whole, non-negative, declared numbers.

    Args:
        path: As of `read_image`, without DICOM.
        labels: Name to value, background included; where given, others are refused.
        reading: As of `read_image`; shear is resampled by nearest neighbour, values are mapped
            before they are compared with ``labels``.

    Raises:
        InputError: Also when values are not whole (within 1e-3), negative or not declared.
    """
    path = Path(path)
    with decoding(path):
        return _label(path, labels, reading)


def _label(path: Path, labels: Mapping[str, int] | None, reading: ReadOptions) -> LabelMap:
    if is_folder(path):
        raise InputError(f"{path}: is a folder; a label map is one file")
    found = _read(path, stored=True)
    array, notes = found.array, found.notes
    if len(array) > 1:
        if not (array[:1] == array).all():
            raise InputError(
                f"{path}: is a colour image, a label map has one number per voxel; write each "
                "colour as a number (0, 1, 2, ...)"
            )
        notes = (*notes, "equal colour channels read as one")
    array, said = _finite(path, array[:1], reading.replace_nonfinite)
    whole, rounded = _whole(path, array[0])
    whole, mapped = _mapped(whole, reading.label_mapping)
    _check_declared(path, whole, labels)
    label = LabelMap(whole, _grid(path, found), (*notes, *said, *rounded, *mapped))
    if _sheared(path, label.grid, reading):
        upright = _upright(path, Image(whole[None], label.grid, label.notes), order=0)
        return LabelMap(upright.array[0].astype(whole.dtype), upright.grid, upright.notes)
    return label


def _read(path: Path, *, stored: bool) -> Decoded:
    if is_folder(path):
        if not is_series(path):
            raise InputError(f"{path}: is a folder without DICOM files; name an image file")
        return _plain(path, decode_series(path))
    if (kind := kind_of(path)) is not None:
        raise InputError(f"{path}: is {kind}; name an image file")
    ending = image_ending(path)
    if ending is not None:
        return _plain(path, decode(path, ending, stored=stored))
    raise InputError(unknown_kind(path))


def _plain(path: Path, found: Decoded) -> Decoded:
    """Let plain numbers through, and bits as numbers."""
    if found.array.dtype.kind == "b":
        return replace(found, array=found.array.astype(np.uint8))
    if found.array.dtype.kind not in "iuf" or found.array.size == 0:
        raise InputError(
            f"{path}: holds {found.array.size} voxels of {found.array.dtype}, plain numbers are "
            "expected; convert it to one channel per file"
        )
    return found


def _finite(
    path: Path, array: NDArray[Any], replacement: float | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    if array.dtype.kind != "f":
        return array, ()
    with np.errstate(over="ignore", invalid="ignore"):
        # one cheap pass: a sum is finite only where every term is (or it overflowed: look again)
        if np.isfinite(array.sum(dtype=np.float64)):
            return array, ()
    bad = ~np.isfinite(array)
    count = int(bad.sum())
    if count == 0:
        return array, ()
    first = tuple(int(i) for i in np.argwhere(bad)[0][1:])
    if replacement is None:
        raise InputError(
            f"{path}: {count} voxels are NaN or infinite, the first at {first}; mend them or "
            "say --replace-nonfinite VALUE"
        )
    with np.errstate(over="ignore"):
        value = array.dtype.type(replacement)
    if not np.isfinite(value):
        raise InputError(
            f"{path}: {count} voxels are NaN or infinite, and its {array.dtype} cannot hold "
            f"{replacement:g} either; name another number"
        )
    filled = np.where(bad, value, array)
    return filled, (f"{count} NaN or infinite voxels replaced by {replacement:g}",)


def _beyond_float32(path: Path, array: NDArray[Any]) -> tuple[str, ...]:
    """Refuse what is no number any more in float32, which everything is computed in."""
    if array.dtype.itemsize < 4 or array.dtype == np.float32:
        return ()
    largest = max(abs(float(array.min())), abs(float(array.max())))
    if array.dtype.kind != "f":
        if largest <= _WHOLE_IN_FLOAT32:
            return ()
        return (f"whole numbers up to {largest:.0f} are rounded to 24 bits before they are used",)
    if largest > _LARGEST:
        count = int(np.count_nonzero((array > _LARGEST) | (array < -_LARGEST)))
        raise InputError(
            f"{path}: {count} voxels are larger than 32-bit numbers can be (up to {largest:.3g}); "
            "divide its values by a constant, and store them as 32-bit floats"
        )
    if 0 < largest < _TINY:
        raise InputError(
            f"{path}: all voxels are smaller than 32-bit numbers can be (at most {largest:.3g}); "
            "multiply its values by a constant, and store them as 32-bit floats"
        )
    return ()


def _whole(path: Path, array: NDArray[Any]) -> tuple[NDArray[np.integer[Any]], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if array.dtype.kind == "f":
        rounded = np.rint(array)
        off = float(np.abs(array - rounded).max(initial=0.0))
        if off > _LABEL_TOLERANCE:
            raise InputError(
                f"{path}: its values are not whole numbers (off by up to {off:.3g}); a label map "
                "that was interpolated must be made again by nearest neighbour"
            )
        notes = ("stored as floating point, read as whole numbers",)
        array = rounded
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low < 0:
        raise InputError(f"{path}: has negative labels (lowest {low:g}); labels are 0, 1, 2, ...")
    if high > _HIGHEST_LABEL:
        raise InputError(
            f"{path}: has labels up to {high:g}, at most {_HIGHEST_LABEL} are possible; renumber "
            "them"
        )
    return array.astype(np.uint8 if high <= 255 else np.uint16), notes


def _mapped(
    array: NDArray[np.integer[Any]], mapping: Mapping[int, int]
) -> tuple[NDArray[np.integer[Any]], tuple[str, ...]]:
    if not mapping:
        return array, ()
    highest = max(int(array.max(initial=0)), *mapping)
    table = np.arange(highest + 1)
    for stored, label in mapping.items():
        table[stored] = label
    found = [stored for stored in mapping if (array == stored).any()]
    notes = tuple(f"stored value {stored} read as label {mapping[stored]}" for stored in found)
    kind = np.uint8 if table.max() <= 255 else np.uint16
    return table.astype(kind)[array], notes


def _check_declared(
    path: Path, array: NDArray[np.integer[Any]], labels: Mapping[str, int] | None
) -> None:
    if labels is None:
        return
    flat = array.ravel(order="K")  # in the order of memory: no copy
    inside = flat[flat != 0]  # most voxels are background; counting them one by one is slow
    counts = np.bincount(inside, minlength=1)
    counts[0] = flat.size - inside.size
    declared = set(labels.values())
    strange = [f"{v} ({counts[v]} voxels)" for v in np.flatnonzero(counts) if v not in declared]
    if strange:
        raise InputError(
            f"{path}: has labels that the dataset does not declare: {', '.join(strange[:10])}; "
            f"declared are {sorted(declared)}: mend the file, or write e.g. "
            f'"label_mapping": {{"{int(strange[0].split()[0])}": 1}} into dataset.json'
        )


def _grid(path: Path, found: Decoded) -> Grid:
    remedy = "set its geometry anew from the scanner's files"
    try:
        grid = Grid(found.array.shape[1:], found.affine)
    except ValueError as error:
        raise InputError(f"{path}: its geometry is not usable ({error}); {remedy}") from None
    smallest, largest = min(grid.spacing_mm), max(grid.spacing_mm)
    if smallest < _SPACINGS_MM[0] or largest > _SPACINGS_MM[1]:
        raise InputError(
            f"{path}: its spacing is {' x '.join(f'{s:.4g}' for s in grid.spacing_mm)} mm, "
            f"{_SPACINGS_MM[0]:g} to {_SPACINGS_MM[1]:g} mm are possible; {remedy}"
        )
    # so far out, the places of neighbouring voxels are one number
    if float(np.abs(grid.affine[:-1, -1]).max()) * _EPSILON > 0.01 * smallest:
        raise InputError(
            f"{path}: its origin {grid.affine[:-1, -1].tolist()} mm is too far away to tell voxels "
            f"apart; {remedy}"
        )
    return grid


def _sheared(path: Path, grid: Grid, reading: ReadOptions) -> bool:
    if grid.ndim < 3:
        return False
    cosines = grid.directions.T @ grid.directions
    worst = float(np.abs(cosines - np.diag(np.diag(cosines))).max())
    degrees = float(np.degrees(np.arcsin(min(1.0, worst))))
    if degrees <= _SHEAR_DEGREES:
        return False
    if not reading.resample_shear:
        raise InputError(
            f"{path}: its axes are sheared by {degrees:.1f} degrees (gantry tilt, in CT); resample "
            "it to an upright grid, or say --resample-shear"
        )
    return True


def _upright(path: Path, image: Image, *, order: int) -> Image:
    """Resample onto the nearest orthogonal axes with the same spacing, covering all corners."""
    from scipy import ndimage

    u, _, vt = np.linalg.svd(image.grid.directions)
    axes = u @ vt
    spacing = np.array(image.grid.spacing_mm)
    sides = np.array(image.grid.shape)
    corners = np.array(np.meshgrid(*[(0, s - 1) for s in sides], indexing="ij")).reshape(3, -1).T
    local = image.grid.to_world(corners) @ axes
    low, high = local.min(0), local.max(0)
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing).astype(int) + 1)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * spacing, axes @ low
    grid = Grid(shape, affine)
    back = np.linalg.inv(image.grid.affine) @ affine
    resampled = np.stack(
        [
            ndimage.affine_transform(
                channel, back[:3, :3], back[:3, 3], shape, order=order, mode="constant"
            )
            for channel in image.array
        ]
    )
    notes = (*image.notes, "sheared axes resampled to an upright grid")
    return Image(resampled, grid, notes, image.modality)
