"""MetaImage: every field of the format, both ways of packing, and what must be refused."""

import gzip
import zlib

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image
from segscope.data.decoders.metaimage import decode_metaimage, write_metaimage
from segscope.errors import InputError
from segscope.images import Grid
from tests.data.decoders.metaimage_files import BODY, VOLUME, equal, mha, refused

PACKED = zlib.compress(BODY)
ZLIB = {"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}
TEXT = " ".join(str(v) for v in VOLUME.ravel(order="F")).encode()
NO_SIZE = "its header gives no CompressedDataSize; the data was read to its end"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.mha"


def test_raw_voxels(path):
    equal(mha(path))
    equal(mha(path, {"BinaryDataByteOrderMSB": "True"}, VOLUME.astype(">i2").tobytes(order="F")))
    fields = {"ElementByteOrderMSB": "1"}
    swapped = VOLUME.astype(">i2").tobytes(order="F")
    equal(mha(path, fields, swapped, without=["BinaryDataByteOrderMSB"]))


def test_compressed_voxels(path):
    equal(mha(path, ZLIB, PACKED))
    packed = gzip.compress(BODY)
    equal(mha(path, {**ZLIB, "CompressedDataSize": len(packed)}, packed))


def test_compressed_voxels_do_not_depend_on_a_size_that_is_missing(path):
    equal(mha(path, {"CompressedData": "True"}, PACKED), (NO_SIZE,))


@pytest.mark.parametrize("size", ["10", "0", "-1", "100000", "nan", ""])
def test_a_compressed_size_that_is_wrong_is_refused(path, size):
    refused(mha(path, {**ZLIB, "CompressedDataSize": size}, PACKED), "compressed bytes|a number")


def test_voxels_as_text(path):
    fields = {"BinaryData": "False"}
    equal(mha(path, fields, TEXT, without=["BinaryDataByteOrderMSB", "CompressedData"]))
    equal(mha(path, fields, TEXT.replace(b" ", b"\n") + b"\n"))
    refused(mha(path, fields, TEXT + b" 1"), "211 numbers")
    refused(mha(path, fields, TEXT.replace(b" 7 ", b" 7.5 ")), "'7.5' among its voxels")
    refused(mha(path, fields, TEXT.replace(b" 7 ", b" 70000 ")), "int16 cannot hold")
    refused(mha(path, {**fields, "CompressedData": "True"}, TEXT), "voxels as text")
    refused(mha(path, {**fields, "BinaryDataByteOrderMSB": "True"}, TEXT), "voxels as text")


TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


@pytest.mark.parametrize("big", [True, False], ids=["big endian", "little endian"])
def test_every_number_type_as_simpleitk_reads_it(path, big):
    for name, code in TYPES.items():
        kind = np.dtype(code).newbyteorder(">" if big else "<")
        values = np.arange(210).reshape(6, 7, 5).astype(kind)
        fields = {"ElementType": name, "BinaryDataByteOrderMSB": str(big)}
        found = read_image(mha(path, fields, values.tobytes(order="F")))
        assert found.array.dtype == np.dtype(code), name
        np.testing.assert_array_equal(found.array[0], values)
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).transpose()
        assert theirs.dtype == np.dtype(code)
        np.testing.assert_array_equal(theirs, values)


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ({"ElementToIntensityFunctionSlope": "2"}, VOLUME * 2.0, "2 x + 0"),
        ({"ElementToIntensityFunctionOffset": "-10.5"}, VOLUME - 10.5, "1 x + -10.5"),
        (
            {"ElementToIntensityFunctionSlope": "-.5", "ElementToIntensityFunctionOffset": "3"},
            VOLUME * -0.5 + 3,
            "-0.5 x + 3",
        ),
    ],
    ids=["slope", "offset", "both"],
)
def test_values_are_rescaled_and_that_is_said(path, fields, expected, said):
    found = read_image(mha(path, fields))
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(found.array[0], expected)
    assert found.notes == (f"values rescaled by {said} (ElementToIntensityFunction)",)
    doubles = VOLUME.astype("<f8").tobytes(order="F")
    found = read_image(mha(path, {**fields, "ElementType": "MET_DOUBLE"}, doubles))
    assert found.array.dtype == np.float64
    np.testing.assert_array_equal(found.array[0], expected)


@pytest.mark.parametrize("slope", ["1e-50", "1e38"], ids=["too small", "too large"])
def test_rescaled_values_that_float32_cannot_hold_are_refused_with_what_they_are(path, slope):
    refused(mha(path, {"ElementToIntensityFunctionSlope": slope}), "than 32-bit numbers can be")
    floats = VOLUME.astype("<f4").tobytes(order="F")
    fields = {"ElementToIntensityFunctionSlope": slope, "ElementType": "MET_FLOAT"}
    refused(mha(path, fields, floats), "than 32-bit numbers can be")


def test_a_rescaling_that_changes_nothing(path):
    one = {"ElementToIntensityFunctionSlope": "1", "ElementToIntensityFunctionOffset": "0"}
    assert equal(mha(path, one)).array.dtype == np.int16


def test_where_the_voxels_begin(path):
    head = len(mha(path, {"HeaderSize": "400"}).read_bytes()) - len(BODY)
    mha(path, {"HeaderSize": "400"}, bytes(400 - head) + BODY)
    said = f"{400 - head} bytes before its voxels skipped, as HeaderSize says"
    equal(path, (said,))
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).transpose(), VOLUME
    )
    mha(path, {"HeaderSize": "-1"}, b"\xff" * 30 + BODY)
    equal(path, ("30 bytes before its voxels skipped, as HeaderSize says",))
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).transpose(), VOLUME
    )
    equal(mha(path, {"HeaderSize": "-1"}))
    equal(mha(path, {"HeaderSize": "0"}))
    refused(mha(path, {"HeaderSize": "-1"}, BODY[2:]), "inside its header")
    refused(mha(path, {"HeaderSize": "10"}), "inside its header")
    refused(mha(path, {"HeaderSize": "-2"}), "inside its header")
    refused(mha(path, {"HeaderSize": "-1", **ZLIB}, PACKED), "of compressed data")


def test_what_is_assumed_or_not_used_is_said(path):
    mha(path, without=["BinaryDataByteOrderMSB"])
    equal(path, ("its header gives no byte order; little endian is assumed",))
    mha(path, {"CenterOfRotation": "1 2 3"})
    equal(path, ("its CenterOfRotation is not zero and was not used, as ITK does",))
    mha(path, {"AnatomicalOrientation": "RAS", "TransformMatrix": "1 0 0 0 1 0 0 0 1"})
    equal(path, ("its AnatomicalOrientation RAS is not that of its matrix, which was taken",))
    found = read_image(mha(path, {"TransformMatrix": "2 0 0 0 1 0 0 0 1"}))
    assert found.grid.spacing_mm == (2, 2, 3)
    assert found.notes == ("its matrix has rows of other lengths than 1; they scale the spacing",)


@pytest.mark.parametrize(
    ("name", "modality"),
    [("MET_MOD_CT", "CT"), ("MET_MOD_MR", "MR"), ("US", "US"), ("MET_MOD_OTHER", None),
     ("MET_MOD_UNKNOWN", None), ("Doe^Jane", None)],
    ids=["CT", "MR", "short", "other", "unknown", "free text"],
)  # fmt: skip
def test_the_modality_is_kept(path, name, modality):
    assert equal(mha(path, {"Modality": name})).modality == modality
    assert equal(mha(path)).modality is None


REFUSED = {
    "minus one dimension": ({"NDims": "-1"}, "its NDims is -1"),
    "a billion dimensions": ({"NDims": "1000000000"}, "its NDims is 1000000000"),
    "dimensions in words": ({"NDims": "three"}, "expected a whole number"),
    "other dimensions than sizes": ({"NDims": "2"}, "expected 2 sides"),
    "one dimension": ({"NDims": "1", "DimSize": "210"}, "a volume has 3"),
    "two dimensions with three spacings": ({"NDims": "2", "DimSize": "42 5"}, "expected 2 numbers"),
    "a side of zero": ({"DimSize": "6 7 0"}, "expected 3 sides"),
    "a side with a fraction": ({"DimSize": "6.9 7 5"}, "expected 3 sides"),
    "another object": ({"ObjectType": "Tube"}, "expected Image"),
    "a later format": ({"FileFormatVersion": "2"}, "FileFormatVersion 0 and 1"),
    "three channels": ({"ElementNumberOfChannels": "3"}, "one channel per"),
    "no channel": ({"ElementNumberOfChannels": "0"}, "holds 0 numbers"),
    "an array type": ({"ElementType": "MET_SHORT_ARRAY"}, "its ElementType"),
    "text as voxels": ({"ElementType": "MET_ASCII_CHAR"}, "its ElementType"),
    "a type in small letters": ({"ElementType": "met_short"}, "its ElementType"),
    "more bits than the type has": ({"ElementNBits": "17"}, "ElementNBits 17"),
    "a flag that is none": ({"CompressedData": "maybe"}, "expected True or False"),
    "a byte order that is none": ({"BinaryDataByteOrderMSB": "little"}, "expected True or False"),
    "binary that is no flag": ({"BinaryData": "yes"}, "expected True or False"),
    "two byte orders": ({"ElementByteOrderMSB": "True"}, "differ and mean the same"),
    "spacing of zero": ({"ElementSpacing": "0 2 3"}, "not positive"),
    "negative spacing": ({"ElementSpacing": "-1 2 3"}, "not positive"),
    "spacing of NaN": ({"ElementSpacing": "nan 2 3"}, "expected 3 numbers"),
    "spacing with a comma": ({"ElementSpacing": "1,5 2 3"}, "expected 3 numbers"),
    "two spacings": ({"ElementSpacing": "1 2"}, "expected 3 numbers"),
    "four spacings": ({"ElementSpacing": "1 2 3 4"}, "expected 3 numbers"),
    "infinite place": ({"Offset": "inf 0 0"}, "expected 3 numbers"),
    "a matrix of eight": ({"TransformMatrix": "1 0 0 0 1 0 0 0"}, "expected 9 numbers"),
    "a matrix of NaN": ({"TransformMatrix": "nan 0 0 0 1 0 0 0 1"}, "expected 9 numbers"),
    "a matrix of zeros": ({"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, "geometry is not usable"),
    "a singular matrix": ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "geometry is not usable"),
    "an unknown unit": ({"DistanceUnits": "parsec"}, "no known unit of length"),
    "a slope of zero": ({"ElementToIntensityFunctionSlope": "0"}, "its rescaling is 0"),
    "a slope of NaN": ({"ElementToIntensityFunctionSlope": "nan"}, "expected a number"),
    "an offset of words": ({"ElementToIntensityFunctionOffset": "x"}, "expected a number"),
    "a header size for slices": ({"HeaderSizePerSlice": "0"}, "several files"),
    "a colour of three": ({"Color": "1 1 1"}, "expected 4 numbers"),
    "an identifier of words": ({"ID": ""}, "expected a number"),
    "spacing in small letters": ({"elementspacing": "1 2 3"}, "ElementSpacing is; mend"),
    "spacing misspelt": ({"ElementSpacings": "9 9 9"}, "ElementSpacing is; mend"),
    "unit misspelt": ({"Distance_Units": "um"}, "DistanceUnits is; mend"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(path, case):
    fields, words = case
    refused(mha(path, fields), words)


@pytest.mark.parametrize("packed", [True, False], ids=["compressed", "raw"])
def test_bytes_must_be_those_that_the_header_announces(path, packed):
    body = PACKED if packed else BODY
    for changed in (body[:-6], body[:-1], b"", body + b"x", body + body, body[1:]):
        fields = {**ZLIB, "CompressedDataSize": len(changed)} if packed else {}
        refused(mha(path, fields, changed), "cut short|follow|announces|damaged")
        fields.pop("CompressedDataSize", None)
        refused(mha(path, fields, changed), "cut short|follow|announces|damaged")


def test_more_than_announced_is_never_unpacked(path):
    refused(mha(path, {"CompressedData": "True"}, zlib.compress(bytes(3_000_000))), "421 bytes")
    huge = {"CompressedData": "True", "DimSize": "32767 32767 9"}
    refused(mha(path, huge, PACKED), "at most 17179869184")


def test_flipped_bits_of_compressed_voxels_are_refused(path):
    for place in range(2, len(PACKED), 5):
        changed = bytearray(PACKED)
        changed[place] ^= 4
        mha(path, ZLIB, bytes(changed))
        try:
            found = read_image(path).array[0]
        except InputError:
            continue
        np.testing.assert_array_equal(found, VOLUME)  # a bit that means nothing


@pytest.mark.parametrize("code", ["u1", "i2", ">i2", "u4", "i8", "f4", "f8"])
def test_what_is_written_is_read_by_simpleitk_bit_for_bit(path, code):
    array = (np.arange(60).reshape(3, 4, 5) * 3).astype(code)
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.1, 1 / 3, 2.5], (-11.1, 7, 1e-7)
    write_metaimage(path, array, Grid(array.shape, affine))
    theirs = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(theirs).transpose(), array)
    assert theirs.GetSpacing() == pytest.approx((0.1, 1 / 3, 2.5), rel=1e-15)
    assert theirs.GetOrigin() == (11.1, -7.0, 1e-7)
    expected = np.diag([-1, -1, 1]) @ turn
    assert theirs.GetDirection() == pytest.approx(tuple(expected.ravel()), abs=1e-15)
    again = decode_metaimage(path)
    assert again.array.dtype == np.dtype(code).newbyteorder("=")
    np.testing.assert_allclose(again.affine, affine, rtol=1e-15, atol=1e-16)


def test_what_metaimage_cannot_hold_is_refused(path):
    with pytest.raises(InputError, match="float16 cannot be written"):
        write_metaimage(path, np.zeros((2, 2, 2), np.float16), Grid.from_spacing((2, 2, 2)))
    assert not path.exists()
