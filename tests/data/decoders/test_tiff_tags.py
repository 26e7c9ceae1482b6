"""Tags of TIFF: every one has its fate."""

import struct

import numpy as np
import pytest
import tifffile

from segscope.data.decoders.tiff import FIELDS
from segscope.data.decoders.tiff_tags import TAGS
from tests.data.decoders.tiff_files import GREY, decoded, refused, written
from tests.plane_files import tiff


def test_every_tag_of_the_standard_is_accounted_for():
    baseline = """NewSubfileType SubfileType ImageWidth ImageLength BitsPerSample Compression
        PhotometricInterpretation Threshholding CellWidth CellLength FillOrder ImageDescription Make
        Model StripOffsets Orientation SamplesPerPixel RowsPerStrip StripByteCounts MinSampleValue
        MaxSampleValue XResolution YResolution PlanarConfiguration FreeOffsets FreeByteCounts
        GrayResponseUnit GrayResponseCurve ResolutionUnit Software DateTime Artist HostComputer
        ColorMap ExtraSamples Copyright"""
    extensions = """DocumentName PageName XPosition YPosition T4Options T6Options PageNumber
        TransferFunction Predictor WhitePoint PrimaryChromaticities HalftoneHints TileWidth
        TileLength TileOffsets TileByteCounts InkSet InkNames NumberOfInks DotRange TargetPrinter
        SampleFormat SMinSampleValue SMaxSampleValue TransferRange JPEGProc JPEGInterchangeFormat
        JPEGInterchangeFormatLength JPEGRestartInterval JPEGLosslessPredictors JPEGPointTransforms
        JPEGQTables JPEGDCTables JPEGACTables YCbCrCoefficients YCbCrSubSampling YCbCrPositioning
        ReferenceBlackWhite"""
    supplements = """SubIFDs ClipPath XClipPathUnits YClipPathUnits Indexed JPEGTables OPIProxy
        BadFaxLines CleanFaxData ConsecutiveBadFaxLines GlobalParametersIFD ProfileType FaxProfile
        CodingMethods VersionYear ModeNumber Decode DefaultImageColor StripRowCounts XMP
        ImageSourceData"""
    assert set((baseline + " " + extensions + " " + supplements).split()) <= set(FIELDS)
    for number, (name, _) in TAGS.items():
        theirs = tifffile.TIFF.TAGS.get(number)
        if theirs and name in (baseline + extensions) and name != "Threshholding":
            assert theirs.lower().rstrip("s") == name.lower().rstrip("s"), number
    assert len(FIELDS) == len(TAGS)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({282: (5, [(300, 1)]), 283: (5, [(150, 1)])}, "not square"),
        ({270: (2, b"ImageJ=1.5\nc0=-32768.0\nc1=1.0\n\0")}, "ImageJ scales"),
        ({42113: (2, b"-9999\0")}, "-9999 stands for no data"),
        ({42112: (2, b'<Item name="SCALE" role="scale">2</Item>\0')}, "GDAL scales"),
        ({433: (10, [(0, 1), (1, 1)])}, "Decode"),
        ({700: (1, list(b'<x tiff:Orientation="6"/>'))}, "XMP"),
        ({339: (3, [4])}, "undefined"),
        ({11: (3, [1])}, "unknown tags: 11"),
        ({274: (3, [0])}, "no meaning"),
    ],
    ids=["aspect", "ImageJ's scale", "no data", "GDAL's scale", "Decode", "XMP", "undefined",
         "unknown", "orientation 0"],
)  # fmt: skip
def test_what_is_not_applied_is_said(tags, words):
    found = decoded(tiff(GREY, tags))
    np.testing.assert_array_equal(found.array[0], GREY)
    assert words in " ".join(found.notes)


def test_a_text_given_twice_is_read_and_a_width_given_twice_is_not():
    data = written(GREY, description="a text", metadata={})
    assert data.count(struct.pack("<HH", 270, 2)) == 2
    np.testing.assert_array_equal(decoded(data).array[0], GREY)
    twice = bytearray(tiff(GREY, {257: (3, [7]), 259: (3, [1])}))
    at = twice.index(struct.pack("<HHIH", 257, 3, 1, 7))
    twice[at : at + 2] = struct.pack("<H", 256)
    refused(bytes(twice), "ImageWidth twice")
