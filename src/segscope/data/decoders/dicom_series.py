"""What must be the same in all slices of a volume, and what may differ with a word."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from segscope.data.decoders.dicom_pixels import Rescaling, is_given_in_part, is_lossy
from segscope.data.decoders.dicom_tags import TAGS, Plane, numbers, raw, whole, word, words
from segscope.errors import InputError

Value: TypeAlias = float | tuple[float | str, ...] | None

_SAME = (
    "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "FrameOfReferenceUID", "SOPClassUID",
    "Modality", "Rows", "Columns", "PixelSpacing", "PhotometricInterpretation", "RescaleType",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign",
    "PresentationLUTShape", "Units", "SUVType", "DecayCorrection",
)  # fmt: skip
"""What values or places mean."""

_CONTRAST = (
    "EchoNumbers", "EchoTime", "EffectiveEchoTime", "InversionTime", "FlipAngle",
    "DiffusionBValue", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "NominalPercentageOfCardiacPhase", "ComplexImageComponent", "ImageType", "FrameType",
    "ScanningSequence",
)  # fmt: skip
"""What tells one image of a place from another: mixed in one volume, its slices do not compare."""

_NOTED = (
    "AcquisitionNumber", "FrameAcquisitionNumber", "StackID", "RepetitionTime", "KVP",
    "ConvolutionKernel", "ContrastBolusAgent", "ReceiveCoilName", "SequenceName",
    "PatientPosition", "DiffusionGradientOrientation", "BitsAllocated", "BitsStored",
    "PixelRepresentation",
)  # fmt: skip
"""What may rightly change from slice to slice."""

_TELLING = (
    *_CONTRAST, *_NOTED, "TriggerTime", "FrameReferenceTime", "AcquisitionDateTime",
    "AcquisitionTime", "ContentTime", "InstanceNumber",
)  # fmt: skip
_NUMERIC = frozenset({"DS", "IS", "US", "SS", "UL", "FL", "FD"})
_CODE = re.compile(r"[A-Z0-9_ .]{1,16}")
_PERSONAL = frozenset({"LO", "SH", "UI", "TM", "DT"})
_APART = "put each into a folder of its own"


def check_same(folder: Path, planes: Sequence[Plane]) -> None:
    """Refuse slices that do not belong together.

    Raises:
        InputError: Naming the tag; identifiers are not repeated.
    """
    for name in _SAME:
        found = _distinct(planes, name)
        if name == "RescaleType" and word(planes[0], "Modality") == "CT":
            # in CT, values are Hounsfield units where nothing else is said
            found = list(dict.fromkeys(v or ("HU",) for v in found))
        if len(found) > 1:
            raise InputError(
                f"{folder}: mixes {len(found)} values of {name}{_listed(name, found)}; {_APART}"
            )
    if word(planes[0], "PhotometricInterpretation") == "MONOCHROME1":
        for name in ("BitsStored", "PixelRepresentation"):
            if len(_distinct(planes, name)) > 1:
                raise InputError(
                    f"{folder}: is MONOCHROME1 (0 is white) with different {name}, so that its "
                    f"slices have no common white; {_APART}"
                )
    parts = whole(planes[0], "InConcatenationTotalNumber")
    files = len({plane.file for plane in planes})
    if parts is not None and parts != files:
        raise InputError(
            f"{folder}: holds {files} of {parts} parts of a concatenation; add the others"
        )


def check_contrast(folder: Path, planes: Sequence[Plane]) -> tuple[str, ...]:
    """Refuse two kinds of images in one volume, where no two slices share a place.

    Returns:
        Notes on what differs and may.

    Raises:
        InputError: Naming the tag and its values.
    """
    notes = []
    for name in (*_CONTRAST, *_NOTED):
        found = _distinct(planes, name)
        if len(found) < 2:
            continue
        known = list(dict.fromkeys(_meaning(name, v) for v in found if v is not None))
        if name in _CONTRAST and len(known) > 1:
            raise InputError(
                f"{folder}: mixes {len(known)} values of {name}{_listed(name, known)} in one "
                f"volume; put the slices of each into a folder of its own"
            )
        notes.append(f"{name} differs between its slices{_listed(name, found)}")
    return tuple(notes)


def telling(groups: Iterable[Sequence[Plane]]) -> str:
    """Say by what the slices of one place differ: a clause, and what to do.

    Args:
        groups: Planes that share a place, a group each.
    """
    several = [list(group) for group in groups]
    planes = [plane for group in several for plane in group]
    most = max(len(group) for group in several)
    differing: str | None = None
    for name in _TELLING:
        inside = [len(_distinct(group, name)) for group in several]
        if max(inside) < 2:
            continue
        found = _distinct(planes, name)
        if len(found) == most and all(n == len(g) for n, g in zip(inside, several, strict=True)):
            return (
                f" and differ in {name}{_listed(name, found)}; put the slices of each value into a "
                "folder of its own"
            )
        differing = differing or f" and differ in {name}{_listed(name, found)}"
    if differing is not None:
        return f"{differing}; put each acquisition into a folder of its own"
    first = several[0]
    copies = len({raw(plane, "SOPInstanceUID") for plane in first}) == 1
    names = f"{first[0].file.name} and {first[1].file.name}"
    return f" ({'copies of one' if copies else 'alike in their tags'}: {names}); keep one of each"


def check_rescaling(folder: Path, rescalings: Sequence[Rescaling]) -> None:
    """Refuse slices of which only some have a table of values, or tables of different units."""
    if len({(r.table is None, r.unit) for r in rescalings}) > 1:
        raise InputError(
            f"{folder}: mixes slices with and without ModalityLUTSequence, or with tables of "
            f"different ModalityLUTType; {_APART}"
        )


def remarks(planes: Sequence[Plane], rescalings: Sequence[Rescaling]) -> list[str]:
    """Say what a reader of the values should know."""
    first = planes[0]
    notes = []
    if word(first, "PhotometricInterpretation") == "MONOCHROME1":
        notes.append("MONOCHROME1 (0 is white): samples mirrored, so that larger is brighter")
    elif "INVERSE" in words(first, "PresentationLUTShape"):
        notes.append("PresentationLUTShape INVERSE is about display: values are as stored")
    if len(lines := {(r.slope, r.intercept) for r in rescalings}) > 1:
        slopes = [slope for slope, _ in lines]
        notes.append(
            f"rescaled slice by slice (RescaleSlope {min(slopes):.6g} to {max(slopes):.6g}, "
            f"{len(lines)} pairs of slope and intercept)"
        )
    if any(is_given_in_part(plane) for plane in planes):
        notes.append("RescaleSlope or RescaleIntercept missing or empty: read as 1 and 0")
    if any(r.table is not None for r in rescalings):
        notes.append("values by the table of ModalityLUTSequence")
    if any(TAGS["RealWorldValueMappingSequence"][0] in s.found for p in planes for s in p.sets):
        notes.append("RealWorldValueMappingSequence is not applied")
    if any(is_lossy(plane) for plane in planes):
        notes.append("was compressed with losses")
    notes += _warnings(planes)
    return notes


def _warnings(planes: Sequence[Plane]) -> list[str]:
    """What tags themselves say against the image."""
    notes = []
    for name, code in (
        ("BurnedInAnnotation", "YES"),
        ("QualityControlImage", "YES"),
        ("SpatialLocationsPreserved", "NO"),
        ("GeometricalProperties", "NON_UNIFORM"),
        ("VolumetricProperties", "DISTORTED"),
    ):
        if any(code in words(plane, name) for plane in planes):
            notes.append(f"{name} is {code}")
    for name in ("ImageType", "FrameType"):
        kinds = {kind.upper() for plane in planes for kind in words(plane, name)}
        for kind in ("LOCALIZER", "PROJECTION IMAGE", "MIN IP", "MIP"):
            if kind in kinds:
                notes.append(f"{name} is {kind}")
    return notes


def counted(planes: Sequence[Plane], step: float) -> list[str]:
    """Compare with what tags say of how many slices there are, and how far apart."""
    notes = []
    for name in ("NumberOfSlices", "ImagesInAcquisition"):
        said = _distinct(planes, name)
        value = said[0] if len(said) == 1 else None
        alone = name == "NumberOfSlices" or len(_distinct(planes, "AcquisitionNumber")) == 1
        if isinstance(value, float) and alone and value != len(planes):
            notes.append(f"{name} says {value:g}, there are {len(planes)} slices")
    apart = [abs(v) for v in _distinct(planes, "SpacingBetweenSlices") if isinstance(v, float)]
    if any(abs(v - step) > 0.05 * step for v in apart):
        notes.append(
            f"SpacingBetweenSlices says {apart[0]:.4g} mm, their positions {step:.4g}: taken from "
            "the positions"
        )
    order = _distinct(planes, "InstanceNumber")
    if len(order) == len(planes) and all(isinstance(v, float) for v in order):
        found = sorted(v for v in order if isinstance(v, float))
        if len({b - a for a, b in pairwise(found)}) > 1:
            notes.append("InstanceNumber has gaps, though the positions are even")
        if found[0] > 1:
            notes.append(f"InstanceNumber begins at {found[0]:g}")
    return notes


def _distinct(planes: Sequence[Plane], name: str) -> list[Value]:
    """A tag's different values; numbers that differ by less than 1 % count as one."""
    if len({raw(plane, name) for plane in planes}) == 1 and not _shared(planes, name):
        return [_value(planes[0], name)]
    found = list(dict.fromkeys(_value(plane, name) for plane in planes))
    plain = sorted(v for v in found if isinstance(v, float))
    share = 1e-4 if name in _SAME else 0.01
    kept: list[Value] = []
    last: float | None = None
    for value in plain:
        if TAGS[name][1] == "IS" or last is None or abs(value - last) > share * abs(value):
            kept.append(value)
            last = value
    return [*kept, *(v for v in found if not isinstance(v, float))]


def _shared(planes: Sequence[Plane], name: str) -> bool:
    """Whether the same bytes may mean different values: byte order or VR differ between files."""
    return TAGS[name][1] in _NUMERIC and len({plane.top.little for plane in planes}) > 1


def _value(plane: Plane, name: str) -> Value:
    if TAGS[name][1] in _NUMERIC:
        try:
            found = numbers(plane, name)
        except InputError:
            if name in _SAME:
                raise
            return words(plane, name)  # only compared: text is as good
        if found is None:
            return None
        return found[0] if len(found) == 1 else tuple(float(f"{v:.5g}") for v in found)
    return words(plane, name) or None


def _meaning(name: str, value: Value) -> Value:
    """The part of a value that tells images apart: of ImageType, what comes after the first two."""
    if name in ("ImageType", "FrameType") and isinstance(value, tuple):
        return value[2:]
    return value


def _listed(name: str, values: Sequence[Value]) -> str:
    """Values for a message; identifiers, names and times are the patient's, and not repeated."""
    if TAGS[name][1] in _PERSONAL:
        return ""
    said = []
    for value in values[:4]:
        parts = value if isinstance(value, tuple) else (value,)
        shown = [
            "none" if p is None else f"{p:g}" if isinstance(p, float)
            else p if _CODE.fullmatch(p) else "text"
            for p in parts
        ]  # fmt: skip
        said.append("\\".join(shown))
    return f" ({', '.join(said)}{', ...' if len(values) > 4 else ''})"
