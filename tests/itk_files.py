"""NRRD and MetaImage files of one volume in every way that is read, and what headers may say."""

import bz2
import gzip
import zlib

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
    "NRRD four": (
        ".nrrd",
        b"NRRD0004\ntype: short\ndimension: 4\nspace dimension: 4\nsizes: 6 7 5 1\n"
        b"space directions: (0.5,0,0,0) (0,0,2,0) (0,-1.5,0,0) (0,0,0,1)\nendian: little\n"
        b"encoding: raw\nspace origin: (10,-20,30.5,4)\n\n" + _LITTLE,
    ),
    "NRRD list": (
        ".nrrd",
        b"NRRD0004\ntype: short\ndimension: 4\nspace: RAS\nsizes: 1 6 7 5\n"
        b"space directions: none (0.5,0,0) (0,0,2) (0,-1.5,0)\nkinds: list domain domain domain\n"
        b"endian: little\nencoding: raw\nspace origin: (10,-20,30.5)\n\n" + _LITTLE,
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

NUMBERS = ("0", "-1", "1", "2", "3", "4", "1e9", "1e-9", "1e400", "nan", "inf", "-0", "0x10",
            "1,5", "1_0", "+6", "6.", "6.9", ".5", "1e5", "", "x", "6 7", "7 6 5", "5 7 6",
            "6 7 5 1", "1 6 7 5", "1 2 3", "-1 2 3", "0 2 3", "1 1 1", "nan 1 1", "1 2 3 4",
            "42 5", "210", "1 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0", "2 0 0 0 1 0 0 0 1",
            "1 0 0 1 0 0 0 0 1", "1 0 0 0 1 0 0 0 1e9", "999999999999999999999",
            "420", "32768")  # fmt: skip
WORDS = ("True", "False", "true", "T", "t", "1", "0", "yes", "little", "big", "BIG", "raw", "gzip",
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
FIELDS = {
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
MEANT = {
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
