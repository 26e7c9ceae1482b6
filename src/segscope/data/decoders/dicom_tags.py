"""Reading single tags: empty is as good as missing, odd is refused with file and tag.

A *plane* is one slice: a file's data set, or one frame of an enhanced multi-frame file with what
its functional groups say of that frame.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segscope.data.decoders.decoded import decoding
from segscope.data.decoders.dicom_elements import DataSet, Element, file_elements, items
from segscope.errors import InputError

TAGS: dict[str, tuple[int, str]] = {
    "ImageType": (0x00080008, "CS"),
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "AcquisitionDateTime": (0x0008002A, "DT"),
    "AcquisitionTime": (0x00080032, "TM"),
    "ContentTime": (0x00080033, "TM"),
    "Modality": (0x00080060, "CS"),
    "FrameType": (0x00089007, "CS"),
    "PixelPresentation": (0x00089205, "CS"),
    "VolumetricProperties": (0x00089206, "CS"),
    "ComplexImageComponent": (0x00089208, "CS"),
    "PatientID": (0x00100020, "LO"),
    "ContrastBolusAgent": (0x00180010, "LO"),
    "ScanningSequence": (0x00180020, "CS"),
    "SequenceName": (0x00180024, "SH"),
    "KVP": (0x00180060, "DS"),
    "RepetitionTime": (0x00180080, "DS"),
    "EchoTime": (0x00180081, "DS"),
    "InversionTime": (0x00180082, "DS"),
    "EchoNumbers": (0x00180086, "IS"),
    "SpacingBetweenSlices": (0x00180088, "DS"),
    "TriggerTime": (0x00181060, "DS"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "ConvolutionKernel": (0x00181210, "SH"),
    "ReceiveCoilName": (0x00181250, "SH"),
    "FlipAngle": (0x00181314, "DS"),
    "PatientPosition": (0x00185100, "CS"),
    "EffectiveEchoTime": (0x00189082, "FD"),
    "DiffusionBValue": (0x00189087, "FD"),
    "DiffusionGradientOrientation": (0x00189089, "FD"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "AcquisitionNumber": (0x00200012, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "TemporalPositionIdentifier": (0x00200100, "IS"),
    "ImagesInAcquisition": (0x00201002, "IS"),
    "StackID": (0x00209056, "SH"),
    "TemporalPositionIndex": (0x00209128, "UL"),
    "FrameAcquisitionNumber": (0x00209156, "US"),
    "InConcatenationTotalNumber": (0x00209163, "US"),
    "NominalPercentageOfCardiacPhase": (0x00209241, "FL"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "Planes": (0x00280012, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "CompressionCode": (0x00280060, "CS"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "US"),
    "PixelPaddingRangeLimit": (0x00280121, "US"),
    "QualityControlImage": (0x00280300, "CS"),
    "BurnedInAnnotation": (0x00280301, "CS"),
    "PixelIntensityRelationship": (0x00281040, "CS"),
    "PixelIntensityRelationshipSign": (0x00281041, "SS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "RescaleType": (0x00281054, "LO"),
    "SpatialLocationsPreserved": (0x0028135A, "CS"),
    "LossyImageCompression": (0x00282110, "CS"),
    "ModalityLUTSequence": (0x00283000, "SQ"),
    "VariableModalityLUTSequence": (0x00283001, "SQ"),
    "LUTDescriptor": (0x00283002, "US"),
    "ModalityLUTType": (0x00283004, "LO"),
    "LUTData": (0x00283006, "OW"),
    "PixelIntensityRelationshipLUTSequence": (0x00289422, "SQ"),
    "GeometricalProperties": (0x00289444, "CS"),
    "RealWorldValueMappingSequence": (0x00409096, "SQ"),
    "NumberOfSlices": (0x00540081, "US"),
    "Units": (0x00541001, "CS"),
    "SUVType": (0x00541006, "CS"),
    "DecayCorrection": (0x00541102, "CS"),
    "FrameReferenceTime": (0x00541300, "DS"),
    "PresentationLUTShape": (0x20500020, "CS"),
    "DoseGridScaling": (0x3004000E, "DS"),
    "SharedFunctionalGroupsSequence": (0x52009229, "SQ"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "SQ"),
    "FloatPixelData": (0x7FE00008, "OF"),
    "DoubleFloatPixelData": (0x7FE00009, "OD"),
    "PixelData": (0x7FE00010, "OW"),
}
"""Number and VR of every tag that is read."""

_APART = (TAGS["RealWorldValueMappingSequence"][0], 0x00880200)  # IconImageSequence
_ITEM_BEGINS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_TEXT = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR")
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SAYABLE = re.compile(r"[0-9.,+\-eEaAfFiInN]{1,24}")


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice.

    Args:
        file: It lies in.
        sets: Where its tags are looked for, the innermost first.
        syntax: The file's transfer syntax.
        frame: Of ``frames`` in the file.
        frames: How many there are.
    """

    file: Path
    sets: tuple[DataSet, ...]
    syntax: str
    frame: int = 0
    frames: int = 1

    @property
    def top(self) -> DataSet:
        """The file's own data set."""
        return self.sets[-1]


def planes_of(file: Path) -> list[Plane]:
    """Take a file apart: one plane, or all frames of an enhanced multi-frame image.

    Raises:
        InputError: It cannot be read, is not whole, or has frames without places of their own.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); copy it again") from None
    with decoding(file):
        top, syntax = file_elements(data)
        whole_file = Plane(file, (top,), syntax)
        frames = whole(whole_file, "NumberOfFrames")
        count = 1 if frames is None else frames
        if TAGS["PerFrameFunctionalGroupsSequence"][0] not in top.found:
            if count != 1:
                raise InputError(
                    f"{file}: holds {count} frames that have no places of their own (multi-frame); "
                    "convert it to NIfTI, or export the series one slice a file"
                )
            return [whole_file]
        groups = items(top, TAGS["PerFrameFunctionalGroupsSequence"][0])
        if len(groups) != count or count < 1:
            raise InputError(
                f"{file}: NumberOfFrames is {count}, and it describes {len(groups)} frames; "
                "copy it again"
            )
        shared = [
            one
            for group in items(top, TAGS["SharedFunctionalGroupsSequence"][0])
            for one in _opened(group)
        ]
        return [
            Plane(file, (*_opened(group), *shared, top), syntax, k, count)
            for k, group in enumerate(groups)
        ]


def _opened(group: DataSet) -> list[DataSet]:
    """A frame's group, and what is in its sequences of one item (position, spacing, rescaling).

    Not in those of vendors, nor in pictures of the frame: what these hold is about themselves.
    """
    inner = []
    for number, element in group.found.items():
        begins = group.data[element.start : min(element.end, element.start + 4)]
        if begins in _ITEM_BEGINS and not (number >> 16) % 2 and number not in _APART:
            held = items(group, number)
            if len(held) == 1:
                inner.append(held[0])
    return [*inner, group]


def find(plane: Plane, name: str) -> tuple[DataSet, Element] | None:
    """Return a tag's element and the set it lies in; None where it is missing or empty."""
    number = TAGS[name][0]
    for one in plane.sets:
        element = one.found.get(number)
        if element is not None:
            return (one, element) if element.end > element.start else None
    return None


def has(plane: Plane, name: str) -> bool:
    """Whether a tag is there, with a value."""
    return find(plane, name) is not None


def raw(plane: Plane, name: str) -> bytes:
    """Return a tag's bytes without what fills them up, for comparisons."""
    found = find(plane, name)
    return b"" if found is None else found[0].data[found[1].start : found[1].end].strip(b" \0")


def words(plane: Plane, name: str) -> tuple[str, ...]:
    """Return a text tag's values; none where it is missing or empty."""
    text = raw(plane, name).decode("latin-1")
    return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()


def word(plane: Plane, name: str) -> str | None:
    """Return a tag's one code, in capitals; None where it is missing or empty.

    Raises:
        InputError: It has several values.
    """
    found = words(plane, name)
    if len(found) > 1:
        raise odd(plane, name, f"{len(found)} values", "one")
    return found[0].upper() if found else None


def numbers(plane: Plane, name: str) -> list[float] | None:
    """Return a tag's numbers; None where it is missing or empty.

    Raises:
        InputError: A value is text, not finite, or not there.
    """
    found = find(plane, name)
    if found is None:
        return None
    home, element = found
    said = element.vr or TAGS[name][1]
    vr = TAGS[name][1] if said == "UN" else said
    value = home.data[element.start : element.end]
    if vr in _BINARY:
        code = _BINARY[vr]
        if len(value) % struct.calcsize(code):
            raise odd(plane, name, f"{len(value)} bytes", f"numbers of the kind {vr}")
        order = "<" if home.little or said == "UN" else ">"
        values = [float(v) for (v,) in struct.iter_unpack(order + code, value)]
    elif vr in _TEXT:
        values = []
        for part in value.decode("latin-1").strip(" \0").split("\\") if value.strip(b" \0") else []:
            text = part.strip(" \0")
            if not _NUMBER.fullmatch(text):
                raise odd(plane, name, _say(text), "a decimal number")
            values.append(float(text))
    else:
        raise odd(plane, name, f"of the kind {vr}", "a number")
    if not np.isfinite(values).all():
        raise odd(plane, name, "not finite", "a finite number")
    return values or None


def number(plane: Plane, name: str) -> float | None:
    """Return a tag's one number; None where it is missing or empty.

    Raises:
        InputError: It has several, or is no number.
    """
    found = numbers(plane, name)
    if found is not None and len(found) > 1:
        raise odd(plane, name, f"{len(found)} values", "one")
    return None if found is None else found[0]


def whole(plane: Plane, name: str) -> int | None:
    """Return a tag's one whole number; None where it is missing or empty.

    Raises:
        InputError: It has several, or is no whole number.
    """
    found = number(plane, name)
    if found is not None and not found.is_integer():
        raise odd(plane, name, f"{found:g}", "a whole number")
    return None if found is None else int(found)


def needed(plane: Plane, name: str, *, count: int) -> list[float]:
    """Return the numbers of a tag that must be there.

    Raises:
        InputError: It is missing, empty, or has another count.
    """
    found = numbers(plane, name)
    if found is None:
        raise odd(plane, name, "missing or empty", f"{count} finite numbers")
    if len(found) != count:
        raise odd(plane, name, f"{len(found)} values", f"{count} finite numbers")
    return found


def odd(plane: Plane, name: str, came: str, expected: str) -> InputError:
    """Make the one refusal of a tag's value."""
    return InputError(
        f"{plane.file}: its {name} is {came}, expected {expected}; mend the tag, or export the "
        "series again"
    )


def _say(text: str) -> str:
    """A value that looks like a number, for a message; other text may be somebody's name."""
    return f"'{text}'" if _SAYABLE.fullmatch(text) else "text" if text else "an empty value"
