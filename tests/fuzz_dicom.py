"""DICOM series with one thing changed, and what must be read then: pydicom and plain arithmetic.

`mutations` writes series of 4 slices of 6 x 7 (elements written here, byte by byte, so that any
value of any kind can be put into any tag); `compare` reads a folder with segscope and says what is
wrong.
"""

import gzip
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom

from segscope.data import read_image
from segscope.errors import InputError

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
ROWS, COLUMNS, SLICES = 6, 7, 4
LONG = {"OB", "OW", "OF", "OD", "SQ", "UN", "UT", "UC"}
BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
Elements = dict[int, tuple[str, object]]


def pixels(k: int, seed: int = 0) -> np.ndarray:
    """Samples of 12 bits of one slice."""
    return np.random.default_rng((seed, k)).integers(0, 4096, (ROWS, COLUMNS)).astype("<u2")


def slice_elements(k: int) -> Elements:
    """A plain CT slice: numbers and texts as they are written, or bytes for any value."""
    return {
        0x00080008: ("CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        0x00080016: ("UI", "1.2.840.10008.5.1.4.1.1.2"),
        0x00080018: ("UI", f"1.2.3.4.{k}"),
        0x00080060: ("CS", "CT"),
        0x00100020: ("LO", "P1"),
        0x00180050: ("DS", "2"),
        0x0020000D: ("UI", "1.2.3"),
        0x0020000E: ("UI", "1.2.3.4"),
        0x00200012: ("IS", "1"),
        0x00200013: ("IS", str(k + 1)),
        0x00200032: ("DS", f"-10\\5.5\\{2.5 * k - 3}"),
        0x00200037: ("DS", "1\\0\\0\\0\\1\\0"),
        0x00200052: ("UI", "1.2.3.5"),
        0x00280002: ("US", 1),
        0x00280004: ("CS", "MONOCHROME2"),
        0x00280010: ("US", ROWS),
        0x00280011: ("US", COLUMNS),
        0x00280030: ("DS", "0.75\\0.5"),
        0x00280100: ("US", 16),
        0x00280101: ("US", 12),
        0x00280102: ("US", 11),
        0x00280103: ("US", 0),
        0x00281052: ("DS", "-1024"),
        0x00281053: ("DS", "1"),
        0x7FE00010: ("OW", pixels(k)),
    }


def encode(elements: Elements, syntax: str = EXPLICIT) -> bytes:
    """Write a whole file."""
    meta = {0x00020010: ("UI", syntax)}
    body = _body(elements, syntax)
    if syntax == DEFLATED:
        engine = zlib.compressobj(wbits=-15)
        body = engine.compress(body) + engine.flush()
    return bytes(128) + b"DICM" + _body(meta, EXPLICIT) + body


def _body(elements: Elements, syntax: str) -> bytes:
    order = ">" if syntax == BIG else "<"
    out = b""
    for tag, (vr, value) in sorted(elements.items()):
        data = _value(vr, value, order)
        out += struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
        if syntax == IMPLICIT:
            out += struct.pack(order + "I", len(data))
        elif vr in LONG:
            out += vr.encode() + b"\0\0" + struct.pack(order + "I", len(data))
        else:
            out += vr.encode() + struct.pack(order + "H", len(data))
        out += data
    return out


def _value(vr: str, value: object, order: str) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        data = value.astype(value.dtype.newbyteorder(order)).tobytes()
        return data + b"\0" * (len(data) % 2)
    if isinstance(value, list):  # items of a sequence
        inner = [_body(item, IMPLICIT if vr == "UN" else EXPLICIT) for item in value]
        return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(i)) + i for i in inner)
    if vr in BINARY:
        parts = value if isinstance(value, tuple) else (value,)
        return struct.pack(f"{order}{len(parts)}{BINARY[vr]}", *parts)
    text = str(value).encode("latin-1")
    return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)


TEXTS = [
    None, "", " ", "0", "1", "2", "-1", "0.5", "1,5", "1.5 ", " 2", "+3", "1e3", "1E-2", "nan",
    "inf", "1e999", "abc", "1\\2", "1\\", "\\1", "0x10", "1_0", "1e300", "1e38", "3e-30", "-0",
    "007", "12345678901234567", "1 2", "--1", "1.5\\0.5",
]  # fmt: skip
NUMBERS = [None, 0, 1, 2, 3, 7, 8, 11, 12, 15, 16, 32, 64, 255, 4095, 65535, (1, 1), b"\1"]
CODES = [
    None, "", "MONOCHROME1", "MONOCHROME2", "MONOCHROME2 ", "PALETTE COLOR", "RGB", "YBR_FULL",
    "monochrome2", "MR", "PT", "SEG", "HU", "US", "INVERSE", "IDENTITY", "YES", "NO", "01", "00",
    "LOCALIZER", "ORIGINAL\\PRIMARY\\LOCALIZER", "DERIVED\\SECONDARY\\AXIAL", "M\\N", "1.2.9",
]  # fmt: skip
TEXT_TAGS = [
    0x00180088, 0x00180081, 0x00180082, 0x00180086, 0x00181164, 0x00181314, 0x00200012, 0x00200013,
    0x00200032, 0x00200037, 0x00200100, 0x00201002, 0x00280008, 0x00280030, 0x00280034, 0x00281050,
    0x00281051, 0x00281052, 0x00281053, 0x3004000E, 0x00180060, 0x00180080, 0x00181060,
]  # fmt: skip
NUMBER_TAGS = [
    0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280012, 0x00280100, 0x00280101, 0x00280102,
    0x00280103, 0x00280106, 0x00280107, 0x00280120, 0x00280121, 0x00540081, 0x00209128, 0x00209163,
]  # fmt: skip
CODE_TAGS = [
    0x00080008, 0x00080016, 0x00080060, 0x00089205, 0x00089208, 0x00100020, 0x00180020, 0x00181210,
    0x0020000E, 0x00200052, 0x00280004, 0x00280300, 0x00280301, 0x00281054, 0x00282110, 0x00541001,
    0x00541102, 0x20500020, 0x00281040, 0x0020000D, 0x00280060,
]  # fmt: skip
TEXT_TAGS += 3 * [0x00281052, 0x00281053, 0x00280030, 0x00200032]
NUMBER_TAGS += 2 * [0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280010, 0x00280011]
CODE_TAGS += 4 * [0x00280004]
SYNTAXES = [EXPLICIT] * 9 + [IMPLICIT, BIG, DEFLATED, "1.2.840.10008.1.2.4.70"]
MUST_AGREE = [
    "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "FrameOfReferenceUID", "Modality", "Rows",
    "Columns", "PixelSpacing", "PhotometricInterpretation", "Units", "DecayCorrection",
    "SOPClassUID", "PixelIntensityRelationship", "PresentationLUTShape",
]  # fmt: skip
MUST_AGREE_WHERE_KNOWN = [
    "EchoTime", "EchoNumbers", "InversionTime", "FlipAngle", "TemporalPositionIdentifier",
    "TemporalPositionIndex", "ComplexImageComponent", "ScanningSequence",
]  # fmt: skip
MUST_BE_SAID = [
    "AcquisitionNumber", "KVP", "ConvolutionKernel", "RepetitionTime", "BitsStored",
    "PixelRepresentation",
]  # fmt: skip


def mutations(seed: int, count: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield a name and what writes the series into an empty folder.

    Args:
        seed: The same seed, the same series.
        count: How many.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = rng.choice(["text", "number", "code", "vr", "bytes", "pixels", "files"],
                          p=[0.24, 0.18, 0.17, 0.05, 0.1, 0.12, 0.14])  # fmt: skip
        name, change = _CHANGES[str(kind)](rng)
        base = _choice(rng, list(_BASES))
        where = None if rng.random() < 0.5 else int(rng.integers(SLICES))
        syntax = SYNTAXES[int(rng.integers(len(SYNTAXES)))]
        place = "all" if where is None else where
        said = f"{number} {base}, {name} in {place} as {syntax}"
        yield said, _writer(_BASES[base], change, where, syntax)


def _signed(elements):
    elements[0x00280103] = ("US", 1)
    elements[0x7FE00010] = ("OW", elements[0x7FE00010][1].astype("<i2") - 2048)


def _bytes(elements):
    elements[0x00280100] = elements[0x00280101] = ("US", 8)
    elements[0x00280102] = ("US", 7)
    elements[0x7FE00010] = ("OB", (elements[0x7FE00010][1] // 16).astype("u1"))


_BASES = {
    "plain": lambda elements: None,
    "signed": _signed,
    "bytes": _bytes,
    "white is 0": lambda elements: elements.update({0x00280004: ("CS", "MONOCHROME1")}),
    "halves": lambda elements: elements.update({0x00281053: ("DS", "0.5")}),
    "bare": lambda elements: [elements.pop(tag) for tag in (0x00281052, 0x00281053)],
}
"""What a series is before it is changed."""


def _writer(base, change, where, syntax):
    def write(folder: Path) -> None:
        files = {}
        for k in range(SLICES):
            elements = slice_elements(k)
            base(elements)
            hit = where is None or where == k
            raw = change(elements) if hit else None
            data = encode(elements, syntax)
            files[f"{(k * 3) % SLICES}.dcm"] = (data, raw if hit else None)
        for name, (data, raw) in files.items():
            if raw is None:
                (folder / name).write_bytes(data)
            else:
                raw(folder, name, data)

    return write


def _choice(rng, among):
    return among[int(rng.integers(len(among)))]


def _set(rng, tags, values, name, kinds):
    tag, value = _choice(rng, tags), _choice(rng, values)
    vr = pydicom.datadict.dictionary_VR(tag).split(" ")[0]
    vr = _choice(rng, kinds) if kinds else vr

    def change(elements):
        shown = value
        if vr in BINARY and isinstance(shown, str):
            shown = 1
        if isinstance(shown, int | tuple) and vr in BINARY and vr not in ("FL", "FD"):
            top = 2 ** (8 * struct.calcsize(BINARY[vr]) - (vr[0] == "S"))
            parts = shown if isinstance(shown, tuple) else (shown,)
            shown = tuple(p % top for p in parts)
        elements[tag] = (vr, shown)

    return f"{name} {tag:08X} {vr} {value!r}", change


def _flip_bytes(rng):
    at, bit, cut = rng.random(), int(rng.integers(8)), rng.random() < 0.3

    def change(elements):
        def write(folder, name, data):
            end = len(data) - 2 * ROWS * COLUMNS
            place = 132 + int(at * (end - 132))
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            (folder / name).write_bytes(data[:place] if cut else bytes(damaged))

        return write

    return f"{'cut' if cut else 'flipped'} {at:.4f} {bit}", change


def _other_pixels(rng):
    kinds = ["short", "long", "one more", "signed", "bytes", "wide", "overlay", "float"]
    kind = _choice(rng, kinds)

    def change(elements):
        samples = elements[0x7FE00010][1]
        plain = samples.astype("<u2") & 0xFFF
        if kind == "short":
            elements[0x7FE00010] = ("OW", samples.tobytes()[:-2])
        elif kind == "long":
            elements[0x7FE00010] = ("OW", samples.tobytes() * 2)
        elif kind == "one more":
            elements[0x7FE00010] = ("OW", samples.tobytes() + b"\0\0")
        elif kind in ("signed", "bytes", "overlay"):
            elements[0x00280100], elements[0x00280101] = ("US", 16), ("US", 12)
            elements[0x00280102], elements[0x00280103] = ("US", 11), ("US", 0)
            elements[0x7FE00010] = ("OW", plain | (0x3000 if kind == "overlay" else 0))
            {"signed": _signed, "bytes": _bytes}.get(kind, lambda e: None)(elements)
        elif kind == "wide":
            elements[0x00280100] = elements[0x00280101] = ("US", 32)
            elements[0x00280102] = ("US", 31)
            elements[0x7FE00010] = ("OW", plain.astype("<u4") * 524288)
        else:
            elements[0x7FE00008] = ("OF", plain.astype("<f4"))
            del elements[0x7FE00010]

    return f"pixels {kind}", change


def _beside(name: str, data: bytes) -> dict[str, tuple[str, bytes]]:
    """What is written beside a slice that stays."""
    return {
        "readme": ("readme.txt", b"words"),
        "hidden": (f".{name}", data),
        "folder": (f"more/{name}", data),
        "twice": (f"copy {name}", data),
    }


def _instead(name: str, data: bytes) -> dict[str, tuple[str, bytes]]:
    """What is written in the place of a slice."""
    return {
        "empty": (name, b""),
        "packed": (f"{name}.gz", gzip.compress(data, mtime=0)),
        "renamed": (f"IM{name[:1]}", data),
        "headless": (name, data[132:]),
        "partial": (f"{name}.part", data[:100]),
    }


def _other_files(rng):
    kinds = ["dangling", "loop", "missing", *_instead("", b""), *_beside("", b"")]
    kind = _choice(rng, kinds)

    def write(folder, name, data):
        if kind in ("dangling", "loop"):
            (folder / name).symlink_to("nowhere" if kind == "dangling" else name)
            return
        stays = _beside(name, data).get(kind)
        changed = stays or _instead(name, data).get(kind)
        if stays:
            (folder / name).write_bytes(data)
        if changed:
            file = folder / changed[0]
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(changed[1])

    return f"file {kind}", lambda elements: write


_CHANGES = {
    "text": lambda rng: _set(rng, TEXT_TAGS, TEXTS, "text", None),
    "number": lambda rng: _set(rng, NUMBER_TAGS, NUMBERS, "number", None),
    "code": lambda rng: _set(rng, CODE_TAGS, CODES, "code", None),
    "vr": lambda rng: _set(
        rng, TEXT_TAGS + NUMBER_TAGS, ["1", "2", 1, 2, None],
        "vr", ["DS", "IS", "FD", "UN", "LO", "SS", "UL", "SH", "OB", "UT"],
    ),
    "bytes": _flip_bytes,
    "pixels": _other_pixels,
    "files": _other_files,
}  # fmt: skip


def compare(folder: Path) -> str | None:
    """Read a series; None where it is refused, or right.

    Returns:
        What is wrong: another exception than `InputError`, values, places, or silence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = read_image(folder)
        except InputError:
            return None
        except Exception as error:  # what this looks for
            return f"{type(error).__name__}: {error}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _fault(folder, image)
        except Exception as error:  # pydicom refuses what was read
            return f"was read, and pydicom says {type(error).__name__}: {error}"


def _fault(folder: Path, image) -> str | None:
    links = [file.name for file in folder.iterdir() if file.is_symlink()]
    if links:
        return f"was read without {links}"
    shown = [f for f in folder.rglob("*") if f.is_file() and not f.name.startswith(".")]
    slices = [pydicom.dcmread(f) for f in shown if f.name != "readme.txt"]
    if len(slices) != image.array.shape[3]:
        return f"{len(slices)} slices lie there, {image.array.shape[3]} were read"
    notes = " | ".join(image.notes)
    said = [n for n in MUST_AGREE if len({_text(s, n) for s in slices}) > 1]
    said += [n for n in MUST_AGREE_WHERE_KNOWN if len({_text(s, n) for s in slices} - {""}) > 1]
    said += [n for n in MUST_BE_SAID if len({_text(s, n) for s in slices}) > 1 and n not in notes]
    if said:
        return f"was read with different {said}"
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    for k, one in enumerate(slices):
        fault = _slice_fault(one, image.array[0, :, :, k], notes)
        if fault:
            return f"slice {k}: {fault}"
    return _places_fault(slices, image)


def _text(one, name: str) -> str:
    try:
        value = one.get(name)
    except (ValueError, TypeError, OverflowError, pydicom.errors.BytesLengthException):
        return "odd"
    if value is None or value == "":
        return ""
    parts = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    return "\\".join(f"{float(p):g}" if isinstance(p, int | float) else str(p) for p in parts)


def _number(one, name: str, default: float) -> float:
    value = one.get(name)
    return default if value is None or value == "" else float(value)


def _slice_fault(one, found: np.ndarray, notes: str) -> str | None:
    order = ">" if one.file_meta.TransferSyntaxUID == BIG else "<"
    signed, stored = bool(one.PixelRepresentation), int(one.BitsStored)
    kind = f"{order}{'i' if signed else 'u'}{one.BitsAllocated // 8}"
    data = one.PixelData
    if one.BitsAllocated == 8 and order == ">" and one["PixelData"].VR == "OW":
        data = np.frombuffer(data, "<u2").byteswap().tobytes()
    samples = np.frombuffer(data, kind)
    if len(samples) > one.Rows * one.Columns + (one.BitsAllocated == 8):
        return "more pixels than Rows x Columns"
    samples = samples[: one.Rows * one.Columns].reshape(one.Rows, one.Columns).astype(object)
    low, high = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    cut = (samples - low) % 2**stored + low
    if (cut != samples).any() and not signed and "BitsStored" not in notes:
        return "bits were left out without a word"
    if one.PhotometricInterpretation.upper() == "MONOCHROME1":
        cut = low + high - cut
        if "MONOCHROME1" not in notes:
            return "was mirrored without a word"
    elif one.PhotometricInterpretation.upper() != "MONOCHROME2":
        return f"is {one.PhotometricInterpretation}"
    if _number(one, "SamplesPerPixel", 1) != 1 or _number(one, "NumberOfFrames", 1) != 1:
        return "has colours or frames"
    slope, intercept = _number(one, "RescaleSlope", 1), _number(one, "RescaleIntercept", 0)
    expected = cut.astype(float) * slope + intercept
    if not np.allclose(found.T.astype(float), expected, rtol=2e-7, atol=abs(slope) / 4):
        return "has other values"
    return None


def _places_fault(slices, image) -> str | None:
    places = np.array([[float(v) for v in s.ImagePositionPatient] for s in slices])
    rows, columns = np.array([float(v) for v in slices[0].ImageOrientationPatient]).reshape(2, 3)
    apart = [float(v) for v in slices[0].PixelSpacing]
    for k, place in enumerate(places):
        corner = place + rows * apart[1] * (COLUMNS - 1) + columns * apart[0] * (ROWS - 1)
        for index, point in (((0, 0, k), place), ((COLUMNS - 1, ROWS - 1, k), corner)):
            if image.array.shape[1:3] != (COLUMNS, ROWS):
                break
            expected = point * [-1, -1, 1]
            found = image.grid.affine[:3] @ [*index, 1]
            if not np.allclose(found, expected, rtol=1e-5, atol=0.05 * 2.5):
                return f"voxel {index} lies at {found}, not at {expected}"
    return None
