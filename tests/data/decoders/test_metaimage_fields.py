"""Fields of MetaImage headers: every one has its fate, whatever the spelling."""

import pytest

from segscope.data.decoders.metaimage import FIELDS, decode_metaimage
from segscope.errors import InputError
from tests.data.decoders.metaimage_files import BODY, equal, mha, refused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.mha"


DOCUMENTED = """
Comment ObjectType ObjectSubType NDims Name ID ParentID CompressedData CompressedDataSize
BinaryData BinaryDataByteOrderMSB ElementByteOrderMSB Color Position Offset Origin Orientation
Rotation TransformMatrix CenterOfRotation AnatomicalOrientation ElementSpacing DistanceUnits
DimSize HeaderSize HeaderSizePerSlice HeaderSizesPerDataFile Modality SequenceID ElementMin
ElementMax ElementNumberOfChannels ElementSize ElementType ElementDataFile
"""


OF_THE_LIBRARY = """
FileFormatVersion AcquisitionDate CompressionLevel ImagePosition ElementNBits
ElementToIntensityFunctionSlope ElementToIntensityFunctionOffset
"""


def test_every_field_of_the_documentation_and_the_library_has_its_fate():
    assert set(DOCUMENTED.split()) | set(OF_THE_LIBRARY.split()) == set(FIELDS)
    assert all(field.why for field in FIELDS.values())


@pytest.mark.parametrize("name", ["NDims", "DimSize", "ElementType"])
def test_what_must_be_there(path, name):
    refused(mha(path, without=[name]), f"gives no {name}")


def test_lines_that_are_no_fields(path):
    refused(mha(path, lines=["garbage"]), "'garbage' in its header is no field")
    refused(mha(path, lines=["= 3"]), "'= 3' in its header is no field")
    refused(mha(path, lines=["NDims = 3"]), "gives NDims twice")
    refused(mha(path, lines=["NDims = 2"]), "gives NDims twice")
    refused(mha(path, lines=["Comment = \0"]), "no text")
    refused(mha(path, last="LIST"), "another file")
    refused(mha(path, last="x.raw"), "another file")
    refused(mha(path, last="x%03d.raw 1 5 1"), "another file")


def test_headers_that_look_otherwise_and_say_the_same(path):
    fields = {"Comment": "a = b: ElementDataFile = x.raw", "Name": "Größe", "AcquisitionDate": "x",
              "ObjectSubType": "", "ID": "-1", "ParentID": "0", "Color": "1 0 0 1",
              "SequenceID": "0 0 0", "ElementMin": "-100", "ElementMax": "109",
              "CompressionLevel": "2", "FileFormatVersion": "0", "ElementNumberOfChannels": "1",
              "ElementNBits": "12", "0008|0060": "MR", "toffset": "0", "pixdim[0]": "0",
              "ITK_original_spacing": "9 9 9"}  # fmt: skip
    for last in ("LOCAL", "Local", "local"):
        equal(mha(path, fields, last=last, lines=["", "  "]))
    head, marker, body = path.read_bytes().partition(b"ElementDataFile = local\n")
    for old, new in ((b" = ", b"="), (b" = ", b": "), (b" = ", b"\t=\t"), (b"\n", b"\r\n"),
                     (b"\n", b" \n"), (b" = ", b" =  ")):  # fmt: skip
        path.write_bytes((head + marker).replace(old, new) + body)
        equal(path)
    path.write_bytes(head.decode().encode("latin-1") + marker + body)
    equal(path)
    equal(mha(path, {"BinaryData": "t", "CompressedData": "0", "BinaryDataByteOrderMSB": "F"}))
    equal(mha(path, without=["ObjectType", "CompressedData", "BinaryData"]))


def test_half_a_header(path):
    whole = mha(path).read_bytes()
    for end in (1, 30, 100, len(whole) - len(BODY) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"is not MetaImage|does not end"):
            decode_metaimage(path)
