"""A DICOM series as one volume.

Slices are ordered and spaced by their positions along the normal of the image plane; the tags
SliceThickness, SpacingBetweenSlices and InstanceNumber are never used for that.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.errors import InputError

_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_UNEVEN_SHARE = 0.05
_TILT_DEGREES = 0.2
_ENDINGS = frozenset({".dcm", ".ima"})


def is_series(folder: Path) -> bool:
    """Whether a folder holds a DICOM file directly, or one that should be by its name."""
    return folder.is_dir() and any(_kind(f) in _ENDINGS or _is_dicom(f) for f in _files(folder))


def decode_series(folder: Path, *, stored: bool = False) -> Decoded:
    """Read all slices of a folder's one series as ``(1, i, j, k)``.

    Stored values are scaled by RescaleSlope and RescaleIntercept (Hounsfield units in CT).

    Raises:
        InputError: Several series or orientations, slices missing or doubled, pixels that
            cannot be decoded. Positions are listed.
    """
    import pydicom

    files, others = _sort_files(folder)
    slices = []
    for file in files:
        try:
            slices.append((file, pydicom.dcmread(file)))
        except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError) as error:
            raise InputError(f"{file}: cannot be read as DICOM ({error})") from None
    _check_one_series(folder, slices)
    rows, columns = _orientation(folder, slices)
    normal = np.cross(rows, columns)
    places = np.array([_position(file, s) for file, s in slices]) @ normal
    order = np.argsort(places, kind="stable")
    slices, places = [slices[k] for k in order], places[order]
    step = _step(folder, places)
    origins = np.array([_position(file, s) for file, s in slices])
    along, tilt = _stacking(origins, normal, step)
    array = np.stack([_pixels(file, s).T for file, s in slices], axis=-1)
    spacing = _numbers(*slices[0], "PixelSpacing", 2)
    if min(spacing) <= 0:
        raise InputError(f"{slices[0][0]}: its PixelSpacing {spacing} is not positive")
    affine = np.eye(4)
    # PixelSpacing is (between rows, between columns); i runs along a row, so it takes the second
    affine[:3, 0], affine[:3, 1] = rows * spacing[1], columns * spacing[0]
    affine[:3, 2], affine[:3, 3] = along, origins[0]
    affine[:3] = _TO_RAS @ affine[:3]
    notes = (f"DICOM series of {len(slices)} slices, {step:.4g} mm apart", *tilt)
    if others:
        notes += (f"{len(others)} other files beside its slices left out ({others[0].name})",)
    return Decoded(array[None], affine, notes)


def _sort_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Slices, and files of other kinds; a damaged slice must not pass for one of these."""
    files: list[Path] = []
    others: list[Path] = []
    for file in _files(folder):
        (files if _is_dicom(file) else others).append(file)
    kinds = {_kind(file) for file in files} | _ENDINGS
    damaged = [file for file in others if _kind(file) in kinds]
    if damaged:
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise InputError(
            f"{damaged[0]}: lies among slices and is no DICOM file, perhaps a damaged slice{more}; "
            "copy the series again, or move the file elsewhere"
        )
    if not files:
        raise InputError(f"{folder}: holds no DICOM file; name the folder of one series")
    return files, others


def _check_one_series(folder: Path, slices: Sequence[tuple[Path, Any]]) -> None:
    for file, s in slices:
        if "PixelData" not in s or "ImagePositionPatient" not in s:
            raise InputError(
                f"{file}: is no image slice ({s.get('Modality', 'no modality')}); keep only the "
                "slices of one series in the folder"
            )
        if int(s.get("SamplesPerPixel", 1)) != 1 or int(s.get("NumberOfFrames", 1)) != 1:
            raise InputError(f"{file}: colour or multi-frame DICOM; convert it to NIfTI first")
    for tag in ("SeriesInstanceUID", "Rows", "Columns", "PixelSpacing"):
        found = {str(s.get(tag)) for _, s in slices}
        if len(found) > 1:
            # identifiers are the patient's, and are not repeated
            listed = "" if tag.endswith("UID") else f" ({', '.join(sorted(found)[:3])})"
            raise InputError(
                f"{folder}: mixes {len(found)} values of {tag}{listed}; put each series into a "
                "folder of its own"
            )


def _orientation(folder: Path, slices: Sequence[tuple[Path, Any]]) -> NDArray[np.float64]:
    cosines = np.array([_numbers(file, s, "ImageOrientationPatient", 6) for file, s in slices])
    if np.abs(cosines - cosines[0]).max() > 1e-3:
        raise InputError(f"{folder}: mixes image orientations; put each into a folder of its own")
    axes: NDArray[np.float64] = cosines[0].reshape(2, 3)
    if not np.allclose(axes @ axes.T, np.eye(2), atol=1e-3):
        raise InputError(f"{folder}: image axes {axes.tolist()} are not at right angles")
    return axes


def _position(file: Path, s: Any) -> NDArray[np.float64]:
    return np.array(_numbers(file, s, "ImagePositionPatient", 3))


def _numbers(file: Path, s: Any, tag: str, count: int) -> list[float]:
    value = s.get(tag)
    try:
        found = [float(v) for v in value]
    except (TypeError, ValueError):  # missing, a single number, or text
        found = []
    if len(found) != count or not np.isfinite(found).all():
        raise InputError(f"{file}: its {tag} is {value}, expected {count} finite numbers")
    return found


def _step(folder: Path, places: NDArray[np.float64]) -> float:
    if len(places) == 1:
        raise InputError(f"{folder}: a single slice has no thickness along the normal; add others")
    steps = np.diff(places)
    step = float(np.median(steps))
    listed = ", ".join(f"{p:.2f}" for p in places[:60])
    if (steps <= 1e-3).any():
        raise InputError(f"{folder}: slices lie on the same place; positions in mm: {listed}")
    if np.abs(steps - step).max() > _UNEVEN_SHARE * step:
        raise InputError(
            f"{folder}: slices are missing or unevenly spaced (about {step:.3g} mm, up to "
            f"{steps.max():.3g}); positions in mm: {listed}"
        )
    # the mean carries no rounding error of single positions
    return float((places[-1] - places[0]) / (len(places) - 1))


def _stacking(
    origins: NDArray[np.float64], normal: NDArray[np.float64], step: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """From one slice's origin to the next: along the normal, unless the gantry was tilted."""
    way = (origins[-1] - origins[0]) / (len(origins) - 1)
    cosine = float(way @ normal / np.linalg.norm(way))
    tilt = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if tilt <= _TILT_DEGREES:
        return normal * step, ()
    return way, (f"gantry tilted by {tilt:.1f} degrees",)


def _pixels(file: Path, s: Any) -> NDArray[Any]:
    try:
        stored: NDArray[Any] = s.pixel_array
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{file}: its pixels cannot be decoded ({error})") from None
    slope, intercept = float(s.get("RescaleSlope", 1)), float(s.get("RescaleIntercept", 0))
    if not (np.isfinite([slope, intercept]).all() and slope):
        raise InputError(f"{file}: its rescaling is {slope} x + {intercept}")
    if slope == 1 and float(intercept).is_integer():
        shifted = stored.astype(np.int32) + int(intercept)
        fits = shifted.min() >= -32768 and shifted.max() <= 32767
        return shifted.astype(np.int16) if fits else shifted
    return (stored * slope + intercept).astype(np.float32)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))


def _kind(file: Path) -> str:
    """Its ending; none where it is a number, as in names that are UIDs."""
    ending = file.suffix.lower()
    return "" if ending[1:].isdigit() else ending


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"
