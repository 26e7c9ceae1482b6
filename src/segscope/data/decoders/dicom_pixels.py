"""From a plane's stored samples to what they stand for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.dicom_codecs import decode_frame
from segscope.data.decoders.dicom_elements import NATIVE, items
from segscope.data.decoders.dicom_tags import (
    TAGS,
    Plane,
    has,
    needed,
    number,
    numbers,
    odd,
    raw,
    whole,
    word,
    words,
)
from segscope.errors import InputError

_SMALL = 1e-20
"""Slopes below it would become zeros in float32."""
_PIXELS = TAGS["PixelData"][0]
_COLOUR = (
    "a picture of a screen has no measured values: take the original series, or save it as PNG"
)


@dataclass(frozen=True, eq=False)
class Rescaling:
    """Of stored samples to real values: a line, or a table (first sample, values) and its unit."""

    slope: float
    intercept: float
    table: tuple[int, NDArray[Any]] | None = None
    unit: str = ""


@dataclass(frozen=True)
class Samples:
    """How samples are stored: ``stored`` of ``allocated`` bits."""

    rows: int
    columns: int
    allocated: int
    stored: int
    signed: bool

    @property
    def low(self) -> int:
        """The least sample that these bits can hold."""
        return -(1 << self.stored - 1) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest sample that these bits can hold."""
        return (1 << self.stored - self.signed) - 1


def check_kind(plane: Plane) -> None:
    """Refuse what is no slice of grey samples.

    Raises:
        InputError: No pixels, colours, floats, a segmentation, a dose; with what to do.
    """
    kind = word(plane, "Modality") or ""
    shown = kind if kind.isalnum() and len(kind) <= 16 else "no modality"
    for name in ("FloatPixelData", "DoubleFloatPixelData"):
        if TAGS[name][0] in plane.top.found:
            raise InputError(
                f"{plane.file}: holds {name} (a parametric map); convert it to NIfTI first"
            )
    if not has(plane, "PixelData") or kind in ("SEG", "RTDOSE") or has(plane, "DoseGridScaling"):
        raise InputError(
            f"{plane.file}: is no image slice ({shown}); keep only the slices of one series in "
            "the folder"
        )
    colours = word(plane, "PhotometricInterpretation")
    samples = whole(plane, "SamplesPerPixel")
    if samples not in (None, 1):
        raise InputError(f"{plane.file}: is a colour image ({samples} samples a pixel); {_COLOUR}")
    if colours not in ("MONOCHROME1", "MONOCHROME2"):
        if colours is None:
            raise odd(
                plane, "PhotometricInterpretation", "missing or empty", "MONOCHROME1 or MONOCHROME2"
            )
        said = colours[:16]  # as long as codes are
        raise InputError(f"{plane.file}: its PhotometricInterpretation is {said}; {_COLOUR}")
    if word(plane, "PixelPresentation") not in (None, "MONOCHROME"):
        raise InputError(f"{plane.file}: its PixelPresentation is partly in colour; {_COLOUR}")
    if "MOSAIC" in words(plane, "ImageType"):
        raise InputError(
            f"{plane.file}: is a mosaic, all slices of a volume as tiles of one picture; "
            "convert it to NIfTI first (dcm2niix)"
        )
    if (whole(plane, "Planes") or 1) != 1 or has(plane, "CompressionCode"):
        raise InputError(
            f"{plane.file}: its pixels are stored in a way of before 1993; convert it first"
        )


def samples_of(plane: Plane) -> Samples:
    """Read how samples are stored.

    Raises:
        InputError: A tag is missing or not of the standard's values.
    """
    allocated = _one_of(plane, "BitsAllocated", (8, 16, 32))
    return Samples(
        _one_of(plane, "Rows", range(1, 65536)),
        _one_of(plane, "Columns", range(1, 65536)),
        allocated,
        _one_of(plane, "BitsStored", range(1, allocated + 1)),
        _one_of(plane, "PixelRepresentation", (0, 1)) == 1,
    )


def _one_of(plane: Plane, name: str, allowed: Sequence[int]) -> int:
    value = whole(plane, name)
    if value is None or value not in allowed:
        came = "missing or empty" if value is None else str(value)
        few = len(allowed) < 4
        listed = ", ".join(map(str, allowed)) if few else f"{allowed[0]} to {allowed[-1]}"
        raise odd(plane, name, came, listed)
    return value


def rescaling_of(plane: Plane, samples: Samples) -> Rescaling:
    """Read how stored samples become real values; without any word, they are real values.

    Raises:
        InputError: A slope of zero, a damaged table, both at once.
    """
    slope, intercept = number(plane, "RescaleSlope"), number(plane, "RescaleIntercept")
    if slope == 0:
        raise odd(plane, "RescaleSlope", "0", "another number")
    found = None
    for one in plane.sets:
        if TAGS["ModalityLUTSequence"][0] in one.found:
            found = items(one, TAGS["ModalityLUTSequence"][0])
            break
    if has(plane, "VariableModalityLUTSequence") or has(
        plane, "PixelIntensityRelationshipLUTSequence"
    ):
        raise InputError(
            f"{plane.file}: has tables of values by frame, which are not read; convert it first"
        )
    if not found:
        return Rescaling(1.0 if slope is None else slope, intercept or 0.0)
    if len(found) > 1 or slope is not None or intercept is not None:
        came = f"{len(found)} tables" if len(found) > 1 else "there beside RescaleSlope"
        raise odd(plane, "ModalityLUTSequence", came, "one way to real values")
    item = Plane(plane.file, (found[0],), plane.syntax)
    unit = "\\".join(words(item, "ModalityLUTType"))
    return Rescaling(1.0, 0.0, _table(item, samples), unit)


def _table(plane: Plane, samples: Samples) -> tuple[int, NDArray[Any]]:
    count, first, bits = (int(v) for v in needed(plane, "LUTDescriptor", count=3))
    count = count % 65536 or 65536  # 0 stands for what does not fit; signed where samples are
    first -= 65536 if samples.signed and first >= 32768 else 0
    if not has(plane, "LUTData") or not 1 <= bits <= 16:
        raise odd(plane, "LUTDescriptor", "without data or bits", "a whole table")
    home = plane.top
    data = home.value(TAGS["LUTData"][0])
    if bits <= 8 and len(data) in (count, count + count % 2) and count > 1:
        return first, np.frombuffer(data, np.uint8, count)
    if len(data) != 2 * count:
        raise odd(plane, "LUTData", f"{len(data)} bytes", f"{count} numbers of 16 bits")
    return first, np.frombuffer(data, "<u2" if home.little else ">u2")


def real_values(plane: Plane, counts: Counter[str], *, stored: bool = False) -> NDArray[Any]:
    """Decode a plane's pixels.

    Args:
        plane: That `check_kind` let pass.
        counts: What was met on the way is added: ``spare``, ``padding``, ``high bit``.
        stored: The samples themselves, neither mirrored nor rescaled.

    Returns:
        ``(rows, columns)``: int16 where all fit, else int32, or floats that keep every step.

    Raises:
        InputError: The pixels are not whole, or not what the tags say.
    """
    samples = samples_of(plane)
    array = _within_bits(plane, _decoded(plane, samples), samples, counts)
    rescaling = rescaling_of(plane, samples)
    _count_padding(plane, array, samples, counts)
    if stored:
        return array
    if word(plane, "PhotometricInterpretation") == "MONOCHROME1":
        # the darkest sample becomes the brightest one: low + high - sample, in the stored bits
        array = ~array if samples.signed else samples.high - array
    if rescaling.table is not None:
        first, values = rescaling.table
        return values[np.clip(array.astype(np.int64) - first, 0, len(values) - 1)].astype(np.int32)
    return _rescaled(plane, array, rescaling)


def _decoded(plane: Plane, samples: Samples) -> NDArray[Any]:
    kind = f"{'i' if samples.signed else 'u'}{samples.allocated // 8}"
    if plane.syntax not in NATIVE:
        array = decode_frame(plane, samples.rows, samples.columns, samples.allocated)
        signed = array.dtype.kind == "i"
        if (
            signed != samples.signed
            and array.view(f"i{array.dtype.itemsize}").min() < 0
            and (signed or array.dtype.itemsize * 8 < samples.allocated)
        ):
            raise InputError(
                f"{plane.file}: its pixels are {'signed' if signed else 'unsigned'} as they are "
                f"encoded, PixelRepresentation is {int(samples.signed)}; copy it again"
            )
        return array.astype(kind)
    element = plane.top.found[_PIXELS]
    size = samples.rows * samples.columns * samples.allocated // 8
    expected, got = size * plane.frames, element.end - element.start
    if element.undefined or got not in (expected, expected + expected % 2):
        came = "encoded" if element.undefined else f"{got} bytes"
        raise InputError(
            f"{plane.file}: its pixels are {came}, its Rows, Columns, BitsAllocated and frames "
            f"say {expected} bytes; copy it again"
        )
    order = "<" if plane.top.little else ">"
    data, start = plane.top.data, element.start + plane.frame * size
    if not plane.top.little and samples.allocated == 8 and element.vr == "OW":
        # two samples in a word, and words are turned
        turned = np.frombuffer(data, "<u2", got // 2, element.start).byteswap()
        data, start = turned.tobytes(), plane.frame * size
    array = np.frombuffer(data, order + kind, samples.rows * samples.columns, start)
    return array.reshape(samples.rows, samples.columns).astype(kind, copy=False)


def _within_bits(
    plane: Plane, array: NDArray[Any], samples: Samples, counts: Counter[str]
) -> NDArray[Any]:
    """Leave the bits above BitsStored out: an overlay's, or the sign's."""
    highest = whole(plane, "HighBit")
    lies_elsewhere = highest is not None and highest != samples.stored - 1
    counts["high bit"] += lies_elsewhere
    if samples.stored == samples.allocated and not lies_elsewhere:
        return array
    if array.min() >= samples.low and array.max() <= samples.high:
        return array
    if lies_elsewhere:
        raise odd(plane, "HighBit", str(highest), f"{samples.stored - 1} (BitsStored - 1)")
    spare = samples.allocated - samples.stored
    cut = (array << spare) >> spare
    above = array.view(f"u{samples.allocated // 8}") >> samples.stored
    counts["spare"] += int(np.count_nonzero((above != 0) & (cut != array)))
    return cut


def _count_padding(
    plane: Plane, array: NDArray[Any], samples: Samples, counts: Counter[str]
) -> None:
    if not has(plane, "PixelPaddingValue"):
        return
    ends = [whole(plane, "PixelPaddingValue"), whole(plane, "PixelPaddingRangeLimit")]
    turn = 1 << samples.allocated
    given = [v - turn if samples.signed and v >= turn // 2 else v for v in ends if v is not None]
    low, high = min(given), max(given)
    found = array == low if low == high else (array >= low) & (array <= high)
    counts["padding"] += int(np.count_nonzero(found))


def _rescaled(plane: Plane, array: NDArray[Any], rescaling: Rescaling) -> NDArray[Any]:
    slope, intercept = rescaling.slope, rescaling.intercept
    ends = [int(array.min()) * slope + intercept, int(array.max()) * slope + intercept]
    low, high = min(ends), max(ends)
    if slope == 1 and intercept.is_integer():
        if low >= -32768 and high <= 32767:
            plain = array.astype(np.int16, copy=False)  # what wraps around comes back
            return (
                plain
                if intercept == 0
                else (array.astype(np.int32) + int(intercept)).astype(np.int16)
            )
        if low >= -(2**31) and high < 2**31:
            return (array.astype(np.int64) + int(intercept)).astype(np.int32)
    largest = max(-low, high)
    if not largest < float(np.finfo(np.float32).max):
        raise odd(plane, "RescaleSlope", f"{slope:g} (intercept {intercept:g})", "smaller numbers")
    real = array.astype(np.float64)
    real *= slope
    real += intercept
    # float32 where it tells neighbouring samples apart with ease, and holds them at all
    fine = largest * 2.0**-24 <= abs(slope) / 4 and abs(slope) > _SMALL
    return real.astype(np.float32) if fine else real


def is_given_in_part(plane: Plane) -> bool:
    """Whether one of RescaleSlope and RescaleIntercept is given without the other."""
    return has(plane, "RescaleSlope") != has(plane, "RescaleIntercept")


def is_lossy(plane: Plane) -> bool:
    """Whether LossyImageCompression says that values were changed by compression."""
    return raw(plane, "LossyImageCompression") == b"01"


def spacing_of(plane: Plane) -> list[float]:
    """Return the distances between rows and between columns in mm.

    Raises:
        InputError: They are not there, or not positive.
    """
    if numbers(plane, "PixelSpacing") is None and has(plane, "ImagerPixelSpacing"):
        raise InputError(
            f"{plane.file}: has ImagerPixelSpacing and no PixelSpacing (a projection, not a "
            "slice); convert it to a plane image"
        )
    spacing = needed(plane, "PixelSpacing", count=2)
    if min(spacing) <= 0:
        raise odd(plane, "PixelSpacing", f"{spacing}", "2 positive numbers")
    return spacing
