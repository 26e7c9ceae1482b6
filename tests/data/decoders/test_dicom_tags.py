"""Values of DICOM tags: empty, odd, and worth a word."""

import re

import numpy as np
import pytest

from segscope.data import read_image
from tests.data.decoders.dicom_made import expected_values, put, refused, write_series


@pytest.mark.parametrize("only", [None, 1], ids=["all slices", "one slice"])
@pytest.mark.parametrize("value", [None, "", " ", b"\0\0"], ids=["none", "empty", "blank", "zeros"])
@pytest.mark.parametrize(
    ("tag", "vr"),
    [(0x00280008, "IS"), (0x00181164, "DS"), (0x00200013, "IS"), (0x00180088, "DS"),
     (0x00280002, "US"), (0x00280102, "US"), (0x00281054, "LO"), (0x00280120, "US"),
     (0x00283000, "SQ"), (0x00540081, "US")],
    ids=["frames", "imager spacing", "instance", "between slices", "samples", "high bit",
         "rescale type", "padding",
         "lut", "number of slices"],
)  # fmt: skip
def test_empty_is_as_good_as_missing(tmp_path, tag, vr, value, only):
    if vr in ("US", "SQ"):
        value = None
    image = read_image(write_series(tmp_path, put(tag, vr, value, only=only)))
    np.testing.assert_array_equal(image.array[0], expected_values())


@pytest.mark.parametrize(
    ("tag", "vr", "value", "said"),
    [
        (0x00281053, "DS", "1,5", "RescaleSlope is '1,5', expected a decimal number"),
        (0x00281053, "DS", "nan", "RescaleSlope is 'nan', expected a decimal number"),
        (0x00281053, "DS", "1e999", "RescaleSlope is not finite"),
        (0x00281053, "DS", "1\\2", "RescaleSlope is 2 values, expected one"),
        (0x00281053, "DS", "1_0", "RescaleSlope is text"),
        (0x00281053, "LO", "Meier", "RescaleSlope is text"),
        (0x00281053, "DS", "0", "RescaleSlope is 0"),
        (0x00281053, "DS", "1e300", r"RescaleSlope is 1e\+300"),
        (0x00281052, "DS", "1e39", r"RescaleSlope is 1 \(intercept 1e\+39\)"),
        (0x00280008, "IS", "1.5", "NumberOfFrames is 1.5, expected a whole number"),
        (0x00280010, "US", None, "Rows is missing or empty"),
        (0x00280010, "US", 0, "Rows is 0, expected 1 to 65535"),
        (0x00280100, "US", None, "BitsAllocated is missing or empty, expected 8, 16, 32"),
        (0x00280100, "US", 12, "BitsAllocated is 12"),
        (0x00280101, "US", None, "BitsStored is missing or empty"),
        (0x00280101, "US", 17, r"BitsStored is 17, expected 1 to 16"),
        (0x00280103, "US", None, "PixelRepresentation is missing or empty, expected 0, 1"),
        (0x00280103, "US", 2, "PixelRepresentation is 2"),
        (0x00280004, "CS", None, "PhotometricInterpretation is missing or empty"),
        (0x00280030, "DS", None, "PixelSpacing is missing or empty, expected 2"),
        (0x00280030, "DS", "1", "PixelSpacing is 1 values"),
        (0x00280030, "DS", "0.5\\-1", "PixelSpacing is .* expected 2 positive"),
        (0x00280030, "DS", "1e30\\1e30", "PixelSpacing is 1e\\+30"),
        (0x00200032, "DS", "1\\2\\x", "ImagePositionPatient is text"),
        (0x00200032, "DS", "1\\2\\1e30", "ImagePositionPatient is 1e\\+30"),
        (0x00200037, "DS", "2\\0\\0\\0\\1\\0", "no unit length"),
        (0x00280010, "US", b"\1", "Rows is 1 bytes, expected numbers of the kind US"),
        (0x00280010, "OB", b"\6\0", "Rows is of the kind OB"),
    ],
    ids=["comma", "nan", "infinite", "two values", "underscore", "a name", "zero slope",
         "slope beyond float32", "intercept beyond float32", "half a frame", "no rows", "zero rows",
         "no bits", "twelve bits", "no bits stored", "seventeen bits stored", "no sign", "sign two",
         "no photometric", "no spacing", "one spacing", "negative spacing", "far spacing",
         "position of text", "far position", "long axis", "odd length", "other kind"],
)  # fmt: skip
def test_an_odd_value_is_refused_with_file_and_tag(tmp_path, tag, vr, value, said):
    write_series(tmp_path, put(tag, vr, value))
    message = refused(tmp_path, said)
    assert "Meier" not in message
    assert "unit length" in said or re.search(r"\d\.dcm: its ", message)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "said"),
    [(0x00180088, "DS", "3", "SpacingBetweenSlices says 3 mm, their positions 2.5"),
     (0x00540081, "US", 5, "NumberOfSlices says 5, there are 4 slices"),
     (0x00201002, "IS", "5", "ImagesInAcquisition says 5, there are 4 slices"),
     (0x00280301, "CS", "YES", "BurnedInAnnotation is YES"),
     (0x00282110, "CS", "01", "was compressed with losses"),
     (0x20500020, "CS", "INVERSE", "PresentationLUTShape INVERSE is about display"),
     (0x00080008, "CS", "DERIVED\\PRIMARY\\LOCALIZER", "ImageType is LOCALIZER"),
     (0x00409096, "SQ", [{}], "RealWorldValueMappingSequence is not applied")],
    ids=["distance", "slices", "acquisition", "burned in", "lossy", "shape", "localizer", "mapped"],
)  # fmt: skip
def test_what_a_reader_should_know_is_said(tmp_path, tag, vr, value, said):
    image = read_image(write_series(tmp_path, put(tag, vr, value)))
    np.testing.assert_array_equal(image.array[0], expected_values())
    assert [n for n in image.notes if said in n], image.notes
