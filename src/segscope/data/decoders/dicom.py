"""A DICOM series as one volume.

Slices are ordered and spaced by their positions along the normal of the image plane; the tags
SliceThickness, SpacingBetweenSlices and InstanceNumber are never used for that.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded, decoding
from segscope.data.decoders.dicom_codecs import LOSSY
from segscope.data.decoders.dicom_files import Listing, is_series, list_slices, survey_slices
from segscope.data.decoders.dicom_pixels import (
    check_kind,
    real_values,
    rescaling_of,
    samples_of,
    spacing_of,
)
from segscope.data.decoders.dicom_series import (
    check_contrast,
    check_rescaling,
    check_same,
    counted,
    remarks,
    telling,
)
from segscope.data.decoders.dicom_tags import Plane, needed, odd, planes_of, raw, word
from segscope.errors import InputError

__all__ = ["decode_series", "is_series"]

_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_UNEVEN_SHARE = 0.05
_OFF_SHARE = 0.1
_TILT_DEGREES = 0.2
_SAME_PLACE_MM = 1e-3
_FARTHEST_MM = 1e7


def decode_series(folder: Path, *, stored: bool = False) -> Decoded:
    """Read all slices of a folder's one series as ``(1, i, j, k)``.

    Stored values become real ones by RescaleSlope and RescaleIntercept or by the modality's table
    (Hounsfield units in CT), each slice by its own; MONOCHROME1 is mirrored.

    Raises:
        InputError: Several series, orientations or contrasts, slices missing, doubled or damaged,
            pixels that cannot be decoded or are colours. Positions are listed.
    """
    listing = list_slices(folder)
    planes = [plane for file in listing.slices for plane in planes_of(file)]
    for plane in planes:
        with decoding(plane.file):
            check_kind(plane)
    check_same(folder, planes)
    _check_folders(listing, planes[0])
    rows, columns = _orientation(folder, planes)
    normal = np.cross(rows, columns)
    normal /= np.linalg.norm(normal)
    origins = np.array([_position(plane) for plane in planes])
    order = np.argsort(origins @ normal, kind="stable")
    planes, origins = [planes[k] for k in order], origins[order]
    _check_places(folder, planes, origins @ normal)
    contrast = check_contrast(folder, planes)
    step, rounded = _step(folder, origins @ normal, origins)
    spacing = spacing_of(planes[0])
    if max(spacing) > _FARTHEST_MM:
        raise odd(planes[0], "PixelSpacing", f"{max(spacing):g}", "millimetres")
    uneven = _check_straight(folder, origins, normal, step, min(spacing))
    along, tilt = _stacking(origins, normal, step)
    array, said = _values(folder, planes, stored)
    affine = np.eye(4)
    # PixelSpacing is (between rows, between columns); i runs along a row, so it takes the second
    affine[:3, 0], affine[:3, 1] = rows * spacing[1], columns * spacing[0]
    affine[:3, 2], affine[:3, 3] = along, origins[0]
    affine[:3] = _TO_RAS @ affine[:3]
    notes = (
        f"DICOM series of {len(planes)} slices, {step:.4g} mm apart",
        *tilt, *rounded, *uneven, *said, *contrast, *counted(planes, step), *listing.notes(),
    )  # fmt: skip
    return Decoded(array[None], affine, notes, _modality(planes[0]))


def _values(folder: Path, planes: Sequence[Plane], stored: bool) -> tuple[NDArray[Any], list[str]]:
    """All slices as ``(i, j, k)``, i running fastest in memory as it does in the files."""
    counts: Counter[str] = Counter()
    found, rescalings = [], []
    for plane in planes:
        with decoding(plane.file):
            found.append(real_values(plane, counts, stored=stored))
            rescalings.append(rescaling_of(plane, samples_of(plane)))
    check_rescaling(folder, rescalings)
    notes = [] if stored else remarks(planes, rescalings)
    if planes[0].syntax in LOSSY and "was compressed with losses" not in notes:
        notes.append("was compressed with losses")
    if counts["padding"]:
        notes.append(f"{counts['padding']} voxels are PixelPaddingValue (outside of the scan)")
    if counts["spare"]:
        notes.append(
            f"{counts['spare']} samples have bits above BitsStored (an overlay's): left out"
        )
    if counts["high bit"]:
        notes.append("HighBit is not BitsStored - 1; samples lie in the low bits")
    return np.stack(found).transpose(2, 1, 0), notes


def _check_folders(listing: Listing, first: Plane) -> None:
    """Folders beside slices are left out with a note, unless they hold slices of the series."""
    for folder in listing.folders:
        inside = survey_slices(folder, []).slices
        if inside and raw(planes_of(inside[0])[0], "SeriesInstanceUID") == raw(
            first, "SeriesInstanceUID"
        ):
            raise InputError(
                f"{folder}: holds slices of the series that lies beside it; put all slices of one "
                "series into one folder"
            )


def _modality(plane: Plane) -> str | None:
    found = word(plane, "Modality")
    return found if found and found.isalnum() and len(found) <= 16 else None


def _orientation(folder: Path, planes: Sequence[Plane]) -> NDArray[np.float64]:
    cosines = np.array([needed(plane, "ImageOrientationPatient", count=6) for plane in planes])
    if np.abs(cosines).max() > 1.01:
        raise InputError(f"{folder}: has an ImageOrientationPatient of no unit length; mend it")
    if np.abs(cosines - cosines[0]).max() > 1e-3:
        raise InputError(f"{folder}: mixes image orientations; put each into a folder of its own")
    axes: NDArray[np.float64] = cosines[0].reshape(2, 3)
    if not np.allclose(axes @ axes.T, np.eye(2), atol=1e-3):
        raise InputError(f"{folder}: image axes {axes.tolist()} are not at right angles")
    # tags are rounded; lengths are PixelSpacing's alone
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _position(plane: Plane) -> list[float]:
    found = needed(plane, "ImagePositionPatient", count=3)
    if max(abs(v) for v in found) > _FARTHEST_MM:
        raise odd(plane, "ImagePositionPatient", f"{max(found, key=abs):g}", "millimetres")
    return found


def _check_places(folder: Path, planes: Sequence[Plane], places: NDArray[np.float64]) -> None:
    if len(places) == 1:
        raise InputError(f"{folder}: a single slice has no thickness along the normal; add others")
    apart = np.diff(places) > _SAME_PLACE_MM
    if not apart.all():
        groups = np.split(np.arange(len(places)), np.flatnonzero(apart) + 1)
        shared = [[planes[k] for k in group] for group in groups if len(group) > 1]
        raise InputError(
            f"{folder}: slices lie on the same place{telling(shared)} (positions in mm: "
            f"{_listed(places)})"
        )


def _listed(places: NDArray[np.float64]) -> str:
    more = ", ..." if len(places) > 60 else ""
    return ", ".join(f"{p:.2f}" for p in places[:60]) + more


def _step(
    folder: Path, places: NDArray[np.float64], origins: NDArray[np.float64]
) -> tuple[float, tuple[str, ...]]:
    steps = np.diff(places)
    step = float(np.median(steps))
    # the mean carries no rounding error of single positions
    mean = float((places[-1] - places[0]) / (len(places) - 1))
    if np.abs(steps - step).max() <= _UNEVEN_SHARE * step:
        return mean, ()
    unit = _last_digit_mm(origins)
    if unit is None or not _is_rounded(places, unit):
        raise InputError(
            f"{folder}: slices are missing or unevenly spaced (about {step:.3g} mm, up to "
            f"{steps.max():.3g}); positions in mm: {_listed(places)}"
        )
    said = f"positions are rounded to {unit:g} mm; slices taken as even, {mean:.4g} mm apart"
    return mean, (said,)


def _last_digit_mm(origins: NDArray[np.float64]) -> float | None:
    """Unit of the last decimal that positions are written with; None of more than three."""
    for unit, per_mm in ((0.1, 10.0), (0.01, 100.0), (0.001, 1000.0)):
        digits = origins * per_mm
        if np.abs(digits - np.rint(digits)).max() < 1e-6:
            return unit
    return None


def _is_rounded(places: NDArray[np.float64], unit: float) -> bool:
    """Whether even slices, none of them missing, give these positions when they are rounded.

    Each position may be off by half a unit, two of them against each other by one. So every pair of
    slices leaves an interval for the step: rounding explains all if one step lies in all of these.
    """
    number = np.arange(len(places))
    one, other = np.triu_indices(len(places), 1)
    between, slices = places[other] - places[one], number[other] - number[one]
    slack = unit + 1e-6
    if ((between - slack) / slices).max() > ((between + slack) / slices).min():
        return False
    # were one missing, the slices would be at least so near, and a step where it was two of them
    nearest = (places[-1] - places[0] - slack) / len(places)
    return bool(np.diff(places).max() < 2 * nearest - slack)


def _check_straight(
    folder: Path,
    origins: NDArray[np.float64],
    normal: NDArray[np.float64],
    step: float,
    side: float,
) -> tuple[str, ...]:
    """Refuse slices off the even, straight line from the first to the last; small steps add up."""
    share = np.linspace(0, 1, len(origins))[:, None]
    off = origins - origins[0] - share * (origins[-1] - origins[0])
    along = np.abs(off @ normal).max()
    sideways = np.linalg.norm(off - np.outer(off @ normal, normal), axis=1).max()
    if sideways > max(_UNEVEN_SHARE * step, _OFF_SHARE * side):
        raise InputError(
            f"{folder}: slices are shifted sideways against each other (by up to {sideways:.3g} "
            "mm); put each stack into a folder of its own"
        )
    if along > step / 2:
        raise InputError(
            f"{folder}: slices are unevenly spaced (up to {along:.3g} mm off even places); "
            "resample it, or put each part into a folder of its own"
        )
    if along > _OFF_SHARE * step:
        return (f"slices lie up to {along:.3g} mm off even places",)
    return ()


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
