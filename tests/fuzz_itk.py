"""NRRD and MetaImage files with one or two things changed, read by us and by SimpleITK.

The rule: where we read a file, SimpleITK gives the same voxels at the same places, or refuses it,
or dies; or what is ours and not theirs (units, rescaling) is in our notes. SimpleITK reads in a
process of its own, which is started again when a file kills it.
"""

import bz2
import gzip
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOLUME = np.arange(210, dtype=np.int16).reshape(6, 7, 5) * 37 - 900
_LITTLE, _BIG = (VOLUME.astype(kind).tobytes(order="F") for kind in ("<i2", ">i2"))
_DIGITS = " ".join(str(v) for v in VOLUME.ravel(order="F")).encode() + b"\n"
_SPACE = (
    "space: left-posterior-superior\nspace directions: (0.5,0,0) (0,0,2) (0,-1.5,0)\n"
    "space origin: (10,-20,30.5)\nkinds: domain domain domain\n"
)
_NRRD = "NRRD0004\n# comment\ntype: short\ndimension: 3\nsizes: 6 7 5\n"
_MHA = "ObjectType = Image\nNDims = 3\nBinaryData = {}\nBinaryDataByteOrderMSB = {}\n"
_MHA_GRID = (
    "TransformMatrix = 1 0 0 0 0 1 0 -1 0\nOffset = 10 -20 30.5\nCenterOfRotation = 0 0 0\n"
    "ElementSpacing = 0.5 2 1.5\nDimSize = 6 7 5\nElementType = MET_SHORT\n"
)


def _nrrd(fields: str, body: bytes) -> bytes:
    return f"{_NRRD}{fields}\n".encode() + body


def _mha(binary: bool, big: bool, more: str, body: bytes) -> bytes:
    fields = _MHA.format(binary, big) + more + _MHA_GRID
    return f"{fields}ElementDataFile = LOCAL\n".encode() + body


_PACKED = zlib.compress(_LITTLE)
WHOLE: dict[str, tuple[str, bytes]] = {
    "NRRD raw": (".nrrd", _nrrd(f"{_SPACE}endian: little\nencoding: raw\n", _LITTLE)),
    "NRRD gzip": (
        ".nrrd",
        _nrrd(f"{_SPACE}endian: little\nencoding: gzip\n", gzip.compress(_LITTLE, mtime=0)),
    ),
    "NRRD bzip2": (
        ".nrrd",
        _nrrd(f"{_SPACE}endian: little\nencoding: bzip2\n", bz2.compress(_LITTLE)),
    ),
    "NRRD text": (".nrrd", _nrrd(f"{_SPACE}encoding: ascii\n", _DIGITS)),
    "NRRD hex": (
        ".nrrd",
        _nrrd(f"{_SPACE}endian: big\nencoding: hex\n", _BIG.hex().encode()),
    ),
    "NRRD spacings": (
        ".nrrd",
        _nrrd(
            "spacings: 0.5 2 1.5\naxis mins: 1 2 3\ncenterings: node cell cell\n"
            "endian: big\nencoding: raw\n",
            _BIG,
        ),
    ),
    "MHA raw": (".mha", _mha(True, False, "CompressedData = False\n", _LITTLE)),
    "MHA big": (".mha", _mha(True, True, "CompressedData = False\n", _BIG)),
    "MHA zlib": (
        ".mha",
        _mha(
            True,
            False,
            f"CompressedData = True\nCompressedDataSize = {len(_PACKED)}\n",
            _PACKED,
        ),
    ),
    "MHA text": (".mha", _mha(False, False, "", _DIGITS)),
}
"""Whole files of the same volume (``VOLUME``), in each of the ways that are read."""

_NUMBERS = ("0", "-1", "1", "2", "3", "4", "1e9", "1e-9", "1e400", "nan", "inf", "-0", "0x10",
            "1,5", "1_0", "+6", "6.", "6.9", ".5", "1e5", "", "x", "6 7", "7 6 5", "5 7 6",
            "6 7 5 1", "1 6 7 5", "1 2 3", "-1 2 3", "0 2 3", "1 1 1", "nan 1 1", "1 2 3 4",
            "42 5", "210", "1 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0", "2 0 0 0 1 0 0 0 1",
            "1 0 0 1 0 0 0 0 1", "1 0 0 0 1 0 0 0 1e9", "999999999999999999999",
            "420", "32768")  # fmt: skip
_WORDS = ("True", "False", "true", "T", "t", "1", "0", "yes", "little", "big", "BIG", "raw", "gzip",
          "gz", "bz2", "bzip2", "ascii", "text", "hex", "RAW", "zrl", "short", "SHORT", "ushort",
          "int16", "uint16", "float", "double", "char", "uchar", "block", "int", "MET_SHORT",
          "MET_USHORT", "MET_FLOAT", "MET_CHAR", "MET_LONG", "MET_SHORT_ARRAY", "met_short", "LPS",
          "RAS", "LAS", "left-posterior-superior", "right-anterior-superior", "scanner-xyz",
          "left posterior superior", "3D-right-handed", "RAST", "LOCAL", "Local", "other.raw",
          "RAI", "RAS", "???", "um", "mm", "cm", "m", "Image", "Tube", "MET_MOD_CT", "none", "cell",
          "node", "node cell node", "cell cell cell", '"mm" "mm" "mm"', '"um" "um" "um"',
          '"cm" "mm" "mm"', '"" "" ""', '"ell" "mm" "mm"', "domain domain domain",
          "space space space", "vector domain domain", "domain domain list", "time domain domain",
          "domain domain domain domain", "3-color domain domain", "(1,0,0) (0,1,0) (0,0,1)",
          "(1,0,0) (0,1,0) (0,0,1e9)", "(1,0,0) (0,1,0) none", "none (1,0,0) (0,1,0) (0,0,1)",
          "(1,0,0) (0,1,0) (0,0,nan)", "(1 0 0) (0 1 0) (0 0 1)", "(1,0) (0,1) (0,0)", "(1,2,3)",
          "(1, 2, 3)", "(nan,nan,nan)", "(1e30,0,0)", "(0,0,0) (0,1,0) (0,0,1)")  # fmt: skip
_FIELDS = {
    ".nrrd": (
        "content", "number", "type", "block size", "dimension", "space", "space dimension", "sizes",
        "spacings", "thicknesses", "axis mins", "axis maxs", "axismins", "space directions",
        "centerings", "centers", "kinds", "labels", "units", "min", "max", "old min", "oldmax",
        "endian", "encoding", "line skip", "byte skip", "byteskip", "sample units", "space units",
        "space origin", "measurement frame", "data file", "datafile", "unheard of",
    ),
    ".mha": (
        "ObjectType", "ObjectSubType", "FileFormatVersion", "Comment", "AcquisitionDate", "NDims",
        "Name", "ID", "ParentID", "CompressedData", "CompressedDataSize", "CompressionLevel",
        "BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "Color", "Position",
        "Offset", "Origin", "ImagePosition", "Orientation", "Rotation", "TransformMatrix",
        "CenterOfRotation", "AnatomicalOrientation", "ElementSpacing", "DistanceUnits", "DimSize",
        "HeaderSize", "Modality", "SequenceID", "ElementMin", "ElementMax",
        "ElementNumberOfChannels", "ElementSize", "ElementNBits",
        "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset", "ElementType",
        "ElementDataFile", "UnheardOf", "0008|0060",
    ),
}  # fmt: skip
_MEANT = {
    ".nrrd": (
        ("space", "RAS"), ("space", "LAS"), ("space", "scanner-xyz"), ("space", "3D-left-handed"),
        ("space", "right-anterior-superior-time"), ("space units", '"um" "um" "um"'),
        ("space units", '"mm" "mm" "mm"'), ("space units", '"cm" "mm" "m"'),
        ("space units", '"" "" ""'), ("space units", '"voxel" "mm" "mm"'),
        ("space origin", "none"), ("space origin", "(1e9,2,3)"), ("space origin", "( 1 , 2 , 3 )"),
        ("space directions", "(1,0,0) (0,1,0) (0,0,1e9)"),
        ("space directions", "(1,2,0) (0,1,2) (2,0,1)"), ("space directions", "none none none"),
        ("units", '"um" "um" "um"'), ("units", '"" "" ""'), ("spacings", "nan nan nan"),
        ("spacings", "-1 2 3"), ("spacings", "nan 2 3"), ("axis mins", "4 5 6"),
        ("axis mins", "nan nan nan"), ("axis maxs", "9 9 9"), ("axis maxs", "3.5 16 10.5"),
        ("centerings", "cell cell cell"), ("centers", "??? node none"),
        ("kinds", "list space time"), ("kinds", "space domain ???"), ("old min", "0"),
        ("old max", "nan"), ("number", "210"), ("number", "211"),
        ("byte skip", "0"), ("byte skip", "-1"), ("byte skip", "4"),
        ("line skip", "1"), ("line skip", "0"), ("block size", "2"), ("type", "uint16"),
        ("type", "signed char"), ("type", "SIGNED SHORT INT"), ("encoding", "txt"),
        ("endian", "BIG"), ("dimension", "4"), ("sizes", "7 6 5"), ("sizes", "210 1 1"),
        ("measurement frame", "(1,0,0) (0,1,0) (0,0,1)"), ("thicknesses", "1 2 3"),
        ("labels", '"a" "b\\"" "c"'), ("sample units", "HU"), ("min", "x"),
        ("content", "a: b := c"),
    ),
    ".mha": (
        ("DistanceUnits", "um"), ("DistanceUnits", "cm"), ("DistanceUnits", "mm"),
        ("DistanceUnits", "?"), ("DistanceUnits", "parsec"), ("HeaderSize", "-1"),
        ("HeaderSize", "0"), ("HeaderSize", "10"), ("HeaderSize", "400"), ("HeaderSize", "-2"),
        ("ElementToIntensityFunctionSlope", "2"), ("ElementToIntensityFunctionOffset", "-10.5"),
        ("ElementToIntensityFunctionSlope", "0"), ("ElementToIntensityFunctionSlope", "1"),
        ("Modality", "MET_MOD_MR"), ("AnatomicalOrientation", "RAS"), ("NDims", "-1"),
        ("NDims", "2"), ("NDims", "4"), ("NDims", "1000000000"), ("Position", "1 2 3"),
        ("Origin", "10 -20 30.5"), ("ImagePosition", "1 2 3"), ("Offset", "1e9 0 0"),
        ("Rotation", "1 0 0 0 1 0 0 0 1"), ("Orientation", "1 0 0 0 0 1 0 -1 0"),
        ("TransformMatrix", "0 0 0 0 0 0 0 0 0"), ("TransformMatrix", "1 2 0 0 1 2 2 0 1"),
        ("TransformMatrix", "1 0 0 0 0 1 0 -1"), ("TransformMatrix", "1 0 0 0 0 1 0 -1 0 0"),
        ("ElementSize", "1 2 3"), ("ElementSpacing", "1 2"), ("ElementSpacing", "1 2 3 4"),
        ("CompressedData", "True"), ("CompressedData", "False"), ("CompressedDataSize", "10"),
        ("BinaryData", "False"), ("BinaryData", "True"), ("BinaryDataByteOrderMSB", "False"),
        ("ElementByteOrderMSB", "True"), ("ElementByteOrderMSB", "maybe"),
        ("ElementNumberOfChannels", "1"), ("ElementNumberOfChannels", "2"),
        ("ElementNumberOfChannels", "0"), ("ElementNBits", "12"), ("ElementNBits", "17"),
        ("Color", "1 1 1"), ("Color", "1 0 0 1"), ("SequenceID", "0 0 0"), ("ID", "x"),
        ("Comment", "ElementDataFile = other.raw"), ("Comment", ""), ("Name", "a = b"),
        ("ElementType", "MET_USHORT"), ("DimSize", "210 1 1"), ("DimSize", "7 6 5"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of one changed file.

    Args:
        name: The change, in words.
        verdict: ``refused`` by us, ``alone`` (SimpleITK refuses or dies), ``equal``, ``said`` (what
            differs is in our notes), or a breach: ``other`` and ``raised``.
        what: Our refusal, our notes, or the difference.
    """

    name: str
    verdict: str
    what: str

    @property
    def is_breach(self) -> bool:
        return self.verdict in ("other", "raised")


def mutations(seed: int, count: int, ending: str = "") -> Iterator[tuple[str, str, bytes]]:
    """Yield ``(name, ending, bytes)`` of changed files; the same seed gives the same files."""
    random = np.random.default_rng(seed)
    whole = [(name, *file) for name, file in WHOLE.items() if file[0].endswith(ending)]
    for k in range(count):
        name, kind, data = whole[int(random.integers(len(whole)))]
        said = []
        for _ in range(int(random.integers(1, 3))):
            change = _CHANGES[int(random.integers(len(_CHANGES)))]
            data, what = change(random, kind, data)
            said.append(what)
        yield f"{k} {name}: {', '.join(said)}", kind, data


def compare(
    files: Iterable[tuple[str, str, bytes]], folder: Path, *, timeout_s: float = 300
) -> list[Outcome]:
    """Read each file by ours, and by SimpleITK what we read; ``folder`` is empty and writable."""
    from segscope.data import read_image
    from segscope.errors import InputError

    outcomes: list[Outcome | None] = []
    ours = {}
    for k, (name, ending, data) in enumerate(files):
        path = folder / f"{k:06d}{ending}"
        path.write_bytes(data)
        outcomes.append(None)
        try:
            found = read_image(path)
        except InputError as error:
            outcomes[k] = Outcome(name, "refused", str(error).partition(": ")[2])
        except Exception as error:
            outcomes[k] = Outcome(name, "raised", repr(error))
        else:
            ours[k] = (name, path, found)
    theirs = read_by_simpleitk([path for _, path, _ in ours.values()], timeout_s)
    for k, (name, path, found) in ours.items():
        outcomes[k] = _judged(name, found, theirs.get(path.name))
    return [outcome for outcome in outcomes if outcome is not None]


def _judged(name: str, found, theirs) -> Outcome:
    notes = "; ".join(found.notes)
    if theirs is None:
        return Outcome(name, "alone", notes)
    array, affine = theirs
    voxels = np.array_equal(found.array[0], array)
    places = np.allclose(found.grid.affine, affine, rtol=1e-6, atol=1e-9)
    if voxels and places:
        return Outcome(name, "equal", notes)
    excused = (voxels or _rescaled_so(notes, found.array[0], array)) and (
        places or "lengths converted" in notes
    )
    what = "" if voxels else "other voxels "
    what += "" if places else f"affine {found.grid.affine.tolist()} and {affine.tolist()} "
    return Outcome(name, "said" if excused else "other", f"{what}[{notes}]")


def _rescaled_so(notes: str, ours, theirs) -> bool:
    """Whether the notes say why the voxels differ: rescaled, or not found by MetaIO."""
    if "no CompressedDataSize" in notes:
        return True
    match = re.search(r"rescaled by (\S+) x \+ (\S+)", notes)
    return match is not None and np.allclose(ours, theirs * float(match[1]) + float(match[2]))


def read_by_simpleitk(paths: list[Path], timeout_s: float = 300) -> dict[str, tuple]:
    """What SimpleITK reads; files that it refuses, or that kill it, are left out."""
    found: dict[str, tuple] = {}
    left = list(paths)
    while left:
        asked = "\n".join(str(path) for path in left)
        with subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as child:
            try:
                answer = child.communicate(asked, timeout=timeout_s)[0]
            except subprocess.TimeoutExpired:  # a file that it never comes back from
                child.kill()
                answer = child.communicate()[0]
        done = [json.loads(line) for line in answer.splitlines() if line.endswith("}")]
        for one in done:
            if one["affine"] is not None:
                path = Path(one["path"])
                found[path.name] = (np.load(f"{path}.npy"), np.array(one["affine"]))
        left = left[len(done) + 1 :]  # the first without an answer has killed the reader
    return found


def _child() -> None:
    import resource

    import SimpleITK

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for line in sys.stdin.read().splitlines():
        affine = None
        try:
            image = SimpleITK.ReadImage(line)
            while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
                image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
            array = SimpleITK.GetArrayFromImage(image)
            if image.GetNumberOfComponentsPerPixel() == 1 and array.ndim > image.GetDimension():
                array = array[..., 0]
            np.save(f"{line}.npy", array.transpose())
            count = image.GetDimension()
            affine = np.eye(count + 1)
            directions = np.array(image.GetDirection()).reshape(count, count)
            affine[:count, :count] = directions * np.array(image.GetSpacing())
            affine[:count, count] = image.GetOrigin()
            affine[:2] *= -1
            affine = affine.tolist()
        except RuntimeError:
            pass
        print(json.dumps({"path": line, "affine": affine}), flush=True)


def _split(kind: str, data: bytes) -> tuple[list[bytes], bytes]:
    end = data.find(b"\n\n") + 1 if kind == ".nrrd" else data.find(b"LOCAL\n") + 6
    return data[:end].splitlines(keepends=True), data[end:]


def _value(random) -> str:
    pool = _NUMBERS if random.random() < 0.5 else _WORDS
    return pool[int(random.integers(len(pool)))]


def _replaced(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    k = int(random.integers(1 if kind == ".nrrd" and len(lines) > 1 else 0, len(lines)))
    sign = b": " if kind == ".nrrd" else b" = "
    name, value = lines[k].split(sign)[0].strip(), _value(random)
    lines[k] = name + sign + value.encode() + b"\n"
    return b"".join(lines) + body, f"{name.decode('latin-1')} is {value!r}"


def _added(random, kind, data):
    lines, body = _split(kind, data)
    names = _FIELDS[kind]
    name, value = names[int(random.integers(len(names)))], _value(random)
    place = int(random.integers(1, max(2, len(lines))))
    sign = ": " if kind == ".nrrd" else " = "
    lines.insert(place, f"{name}{sign}{value}\n".encode())
    return b"".join(lines) + body, f"{name} added as {value!r}"


def _meant(random, kind, data):
    """A field with a value that it may have: in the place of the one that is there, or added."""
    lines, body = _split(kind, data)
    pool = _MEANT[kind]
    name, value = pool[int(random.integers(len(pool)))]
    sign = b": " if kind == ".nrrd" else b" = "
    start = name.encode() + sign
    place = next((k for k, line in enumerate(lines) if line.startswith(start)), None)
    line = start + value.encode() + b"\n"
    if place is None:
        lines.insert(int(random.integers(1, max(2, len(lines)))), line)
    else:
        lines[place] = line
    return b"".join(lines) + body, f"{name} is {value!r}"


def _removed(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    gone = lines.pop(int(random.integers(len(lines))))
    return b"".join(lines) + body, f"without {gone.decode('latin-1').strip()!r}"


def _moved(random, kind, data):
    lines, body = _split(kind, data)
    if len(lines) < 3:
        return data, "nothing"
    a, b = random.integers(1, len(lines), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines) + body, f"lines {a} and {b} exchanged"


def _cased(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    k = int(random.integers(len(lines)))
    lines[k] = lines[k].upper() if random.random() < 0.5 else lines[k].lower()
    return b"".join(lines) + body, f"line {k} in other letters"


def _spelled(random, kind, data):
    lines, body = _split(kind, data)
    ways = ((b"\n", b"\r\n"), (b" = ", b"="), (b" = ", b": "), (b": ", b":"), (b": ", b":="),
            (b" ", b"\t"), (b" ", b"  "), (b"\n", b" \n"), (b"\n", b"\n\n"), (b",", b", "),
            (b"\n", b"\r"))  # fmt: skip
    old, new = ways[int(random.integers(len(ways)))]
    if random.random() < 0.5 and lines:
        k = int(random.integers(len(lines)))
        lines[k] = lines[k].replace(old, new)
        return b"".join(lines) + body, f"{new!r} for {old!r} in line {k}"
    return b"".join(lines).replace(old, new) + body, f"{new!r} for {old!r}"


def _changed_byte(random, kind, data):
    lines, body = _split(kind, data)
    head = bytearray(b"".join(lines))
    if not head:
        return data, "nothing"
    k, value = int(random.integers(len(head))), int(random.integers(256))
    head[k] = value
    return bytes(head) + body, f"byte {k} is {value}"


def _digit(random, kind, data):
    lines, body = _split(kind, data)
    head = bytearray(b"".join(lines))
    places = [k for k, byte in enumerate(head) if chr(byte) in "0123456789.-"]
    if not places:
        return data, "nothing"
    k = places[int(random.integers(len(places)))]
    head[k] = b"0123456789.-+e "[int(random.integers(15))]
    return bytes(head) + body, f"byte {k} is {chr(head[k])!r}"


def _other_body(random, kind, data):
    lines, body = _split(kind, data)
    cut = int(random.integers(1, 9))
    ways = (body[:-cut], body + b"\0" * cut, b"\0" * cut + body, body + body, body[cut:], b"",
            b"line\n" + body, body + b"\n")  # fmt: skip
    k = int(random.integers(len(ways)))
    return b"".join(lines) + ways[k], f"body {k} by {cut}"


_CHANGES = (_replaced, _replaced, _added, _added, _meant, _meant, _meant, _meant, _removed,
            _moved, _cased, _spelled, _changed_byte, _digit, _digit, _other_body)  # fmt: skip


if __name__ == "__main__":
    _child()
