"""DICOM samples: how they are stored, what they stand for, who decodes them."""

import numpy as np
import pydicom
import pytest
import SimpleITK

from segscope.data import read_image
from segscope.data.decoders.dicom import decode_series
from segscope.errors import InputError
from tests.data.decoders.dicom_made import put, refused, write_series
from tests.data.decoders.test_dicom_series import by_slice
from tests.fuzz_dicom import BIG, SLICES, pixels

NOTED = "DICOM series of 4 slices, 2.5 mm apart"


def stacked(of):
    """``of(samples, k)`` of every slice, i along a row."""
    return np.stack([of(pixels(k).astype(np.int64), k).T for k in range(SLICES)], axis=-1)


def sitk_array(folder):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute()).transpose(2, 1, 0)


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [(None, "-1024", (1, -1024)), ("2", None, (2, 0)), (None, None, (1, 0)), ("", "", (1, 0)),
     ("0.5", "-1000.25", (0.5, -1000.25)), ("-1", "5", (-1, 5)), ("1", "40000", (1, 40000)),
     (" 1.50 ", "+0", (1.5, 0))],
    ids=["slope empty", "intercept empty", "both empty", "both blank", "fractions", "negative",
         "beyond 16 bits", "padded"],
)  # fmt: skip
def test_rescaling_and_its_defaults(tmp_path, slope, intercept, expected):
    def change(k, elements):
        elements[0x00281053], elements[0x00281052] = ("DS", slope), ("DS", intercept)

    image = read_image(write_series(tmp_path, change))
    by, plus = expected
    np.testing.assert_allclose(image.array[0], stacked(lambda s, k: s * by + plus), rtol=1e-6)
    half = "RescaleSlope or RescaleIntercept missing or empty: read as 1 and 0"
    assert (half in image.notes) == ((slope is None) != (intercept is None))


def test_a_slope_too_small_for_float32_makes_no_zeros(tmp_path):
    def change(k, elements):
        elements[0x00281053], elements[0x00281052] = ("DS", "1e-50"), ("DS", "0")

    with pytest.raises(InputError, match="smaller than 32-bit numbers can be"):
        read_image(write_series(tmp_path, change))


def test_a_missing_partner_is_the_default_too(tmp_path):
    image = read_image(write_series(tmp_path, lambda k, e: e.pop(0x00281053)))
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s - 1024))
    assert any("missing or empty" in note for note in image.notes)


def test_each_slice_is_rescaled_by_its_own_numbers_and_that_is_said(tmp_path):
    image = read_image(write_series(tmp_path, by_slice(0x00281053, "DS", "1", "2", "0.5", "4")))
    slopes = (1, 2, 0.5, 4)
    np.testing.assert_allclose(image.array[0], stacked(lambda s, k: s * slopes[k] - 1024))
    assert "rescaled slice by slice (RescaleSlope 0.5 to 4, 4 pairs" in image.notes[1]


def test_an_intercept_that_drowns_the_samples_in_float32_is_kept_exactly(tmp_path):
    image = read_image(write_series(tmp_path, put(0x00281052, "DS", "100000000000.5")))
    assert image.array.dtype == np.float64
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s + 100000000000.5))


def grey(bits=12, signed=False, allocated=16, photometric="MONOCHROME1"):
    def change(k, elements):
        low = -(1 << bits - 1) if signed else 0
        samples = pixels(k).astype(np.int64) % (1 << bits) + low
        kind = f"<{'i' if signed else 'u'}{allocated // 8}"
        elements[0x7FE00010] = ("OW", samples.astype(kind))
        elements[0x00280004] = ("CS", photometric)
        elements[0x00280100] = ("US", allocated)
        elements[0x00280101], elements[0x00280102] = ("US", bits), ("US", bits - 1)
        elements[0x00280103] = ("US", int(signed))

    return change


@pytest.mark.parametrize(
    ("bits", "allocated", "signed"),
    [(12, 16, False), (16, 16, False), (8, 8, False), (16, 16, True)],
    ids=["12 bits", "16 bits", "8 bits", "signed"],
)
def test_monochrome1_is_mirrored_as_gdcm_does(tmp_path, bits, allocated, signed):
    write_series(tmp_path, grey(bits, signed, allocated))
    image = read_image(tmp_path)
    top = (1 << bits) - 1
    # mirrored: low + high - sample; the sample is low + pixel
    low = -(1 << bits - 1) if signed else 0
    expected = stacked(lambda s, k: top - s % (1 << bits) + low - 1024)
    np.testing.assert_array_equal(image.array[0], expected)
    np.testing.assert_array_equal(image.array[0], sitk_array(tmp_path))
    assert "MONOCHROME1 (0 is white): samples mirrored, so that larger is brighter" in image.notes


def test_monochrome1_as_stored_is_not_mirrored(tmp_path):
    write_series(tmp_path, grey())
    found = decode_series(tmp_path, stored=True)
    np.testing.assert_array_equal(found.array[0], stacked(lambda s, k: s))


def test_monochrome1_needs_one_white_for_all_slices(tmp_path):
    def change(k, elements):
        grey(12 if k else 10)(k, elements)

    write_series(tmp_path, change)
    refused(tmp_path, "MONOCHROME1 .* different BitsStored.* no common white")


def test_signs_and_bits_may_differ_from_slice_to_slice(tmp_path):
    def change(k, elements):
        bits, signed, allocated = [(12, False, 16), (12, True, 16), (8, False, 8), (16, False, 32)][
            k
        ]
        grey(bits, signed, allocated, "MONOCHROME2")(k, elements)

    image = read_image(write_series(tmp_path, change))
    shift, bits = (0, -2048, 0, 0), (12, 12, 8, 16)
    expected = stacked(lambda s, k: s % (1 << bits[k]) + shift[k] - 1024)
    np.testing.assert_array_equal(image.array[0], expected)
    for name in ("BitsAllocated", "BitsStored", "PixelRepresentation"):
        assert any(note.startswith(f"{name} differs") for note in image.notes)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_samples_of_32_bits_keep_their_numbers(tmp_path, signed):
    def change(k, elements):
        samples = pixels(k).astype(np.int64) * 1048576 - (2**31 if signed else 0)
        elements[0x7FE00010] = ("OW", samples.astype("<i4" if signed else "<u4"))
        elements[0x00280100] = elements[0x00280101] = ("US", 32)
        elements[0x00280102], elements[0x00280103] = ("US", 31), ("US", int(signed))
        elements[0x00281052] = ("DS", "0")

    image = read_image(write_series(tmp_path, change))
    shift = -(2**31) if signed else 0
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s * 1048576 + shift))


def test_an_overlays_bits_are_left_out_and_said(tmp_path):
    def change(k, elements):
        elements[0x7FE00010] = ("OW", pixels(k) | (0x1000 if k == 1 else 0))

    image = read_image(write_series(tmp_path, change))
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s - 1024))
    assert "42 samples have bits above BitsStored (an overlay's): left out" in image.notes


def test_signed_samples_without_their_signs_bits_are_read(tmp_path):
    def change(k, elements):
        elements[0x00280103] = ("US", 1)

    image = read_image(write_series(tmp_path, change))
    expected = stacked(lambda s, k: np.where(s >= 2048, s - 4096, s) - 1024)
    np.testing.assert_array_equal(image.array[0], expected)
    assert image.notes == (NOTED,)


@pytest.mark.parametrize("shift", [0, 4], ids=["low bits", "high bits"])
def test_high_bit_elsewhere_is_read_where_samples_lie_low(tmp_path, shift):
    def change(k, elements):
        elements[0x00280102] = ("US", 15)
        elements[0x7FE00010] = ("OW", pixels(k) << shift)

    write_series(tmp_path, change)
    if shift:
        refused(tmp_path, r"HighBit is 15, expected 11 \(BitsStored - 1\)")
        return
    image = read_image(tmp_path)
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s - 1024))
    assert image.notes[1].startswith("HighBit is not BitsStored - 1")


@pytest.mark.parametrize("allocated", [8, 16], ids=["bytes", "words"])
@pytest.mark.parametrize("vr", ["OB", "OW"], ids=["as bytes", "as words"])
def test_big_endian_samples_equal_pydicoms(tmp_path, allocated, vr):
    def change(k, elements):
        grey(8, False, allocated, "MONOCHROME2")(k, elements)
        if allocated == 8 and vr == "OW":
            data = elements[0x7FE00010][1].tobytes()
            elements[0x7FE00010] = (vr, np.frombuffer(data, "<u2").byteswap().tobytes())
        else:
            elements[0x7FE00010] = (vr, elements[0x7FE00010][1])

    write_series(tmp_path, change, syntax=BIG)
    image = read_image(tmp_path)
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s % 256 - 1024))
    for k in range(SLICES):
        expected = pydicom.dcmread(tmp_path / f"{k}.dcm").pixel_array.astype(int) - 1024
        np.testing.assert_array_equal(image.array[0, :, :, k].T, expected)


def test_padding_is_counted_and_kept(tmp_path):
    def change(k, elements):
        samples = pixels(k)
        samples[0, :2] = 9
        samples[1:] += samples[1:] == 9
        samples[0, 2:] += samples[0, 2:] == 9
        elements[0x7FE00010] = ("OW", samples)
        elements[0x00280120] = ("US", 9)

    image = read_image(write_series(tmp_path, change))
    assert "8 voxels are PixelPaddingValue (outside of the scan)" in image.notes
    assert (image.array[0, :2, 0] == 9 - 1024).all()


@pytest.mark.parametrize(
    ("tag", "vr", "value", "said"),
    [(0x00280002, "US", 3, "colour image .3 samples"),
     (0x00280004, "CS", "PALETTE COLOR", "PhotometricInterpretation is PALETTE COLOR"),
     (0x00280004, "CS", "RGB", "PhotometricInterpretation is RGB"),
     (0x00280004, "CS", "YBR_FULL", "PhotometricInterpretation is YBR_FULL"),
     (0x00089205, "CS", "COLOR", "PixelPresentation is partly in colour"),
     (0x7FE00008, "OF", pixels(0).astype("<f4"), "holds FloatPixelData"),
     (0x7FE00009, "OD", pixels(0).astype("<f8"), "holds DoubleFloatPixelData"),
     (0x7FE00010, "OW", None, "is no image slice .CT"),
     (0x00080060, "CS", "SEG", "is no image slice .SEG"),
     (0x3004000E, "DS", "0.001", "is no image slice"),
     (0x00280008, "IS", "2", "2 frames that have no places of their own"),
     (0x00280060, "CS", "RLE", "stored in a way of before 1993"),
     (0x00283001, "SQ", [{}], "tables of values by frame"),
     (0x00080008, "CS", "ORIGINAL\\PRIMARY\\M\\MOSAIC", "is a mosaic")],
    ids=["three samples", "palette", "rgb", "ybr", "presentation", "floats", "doubles", "no pixels",
         "segmentation", "dose", "frames", "old compression", "tables", "mosaic"],
)  # fmt: skip
@pytest.mark.parametrize("only", [None, 2], ids=["all", "one"])
def test_what_is_no_slice_of_greys_is_refused(tmp_path, tag, vr, value, said, only):
    write_series(tmp_path, put(tag, vr, value, only=only))
    refused(tmp_path, rf"\d\.dcm: .*{said}.*; ")


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda s: s.tobytes()[:-2], "82 bytes.* say 84"), (lambda s: s.tobytes() + b"\0\0", "86 byt"),
     (lambda s: np.stack([s, s]), "168 bytes.* say 84")],
    ids=["short", "long", "two frames"],
)  # fmt: skip
def test_pixels_must_be_as_many_as_the_tags_say(tmp_path, change, said):
    write_series(tmp_path, lambda k, e: e.update({0x7FE00010: ("OW", change(pixels(k)))}))
    refused(tmp_path, rf"0\.dcm: its pixels are {said}")


# tables of values


def table(values, first=0, bits=16, count=None):
    item = {
        0x00283002: ("US", (len(values) if count is None else count, first % 65536, bits)),
        0x00283004: ("LO", "HU"),
        0x00283006: ("OW", np.asarray(values, "<u2" if bits > 8 else "u1")),
    }

    def change(k, elements):
        del elements[0x00281052], elements[0x00281053]
        elements[0x00283000] = ("SQ", [item])

    return change


@pytest.mark.parametrize("bits", [8, 12, 16], ids=["bytes", "12 bits", "16 bits"])
def test_the_modalitys_table_is_applied(tmp_path, bits):
    values = np.arange(1000)[::-1] % (1 << bits)
    image = read_image(write_series(tmp_path, table(values, first=500, bits=bits)))
    # below the first sample its first value stands, above the last its last
    expected = stacked(lambda s, k: values[np.clip(s - 500, 0, 999)])
    np.testing.assert_array_equal(image.array[0], expected)
    assert "values by the table of ModalityLUTSequence" in image.notes


def test_a_table_of_all_65536_samples_and_one_from_a_negative_sample(tmp_path):
    values = np.arange(65536)[::-1]
    (tmp_path / "full").mkdir()
    image = read_image(write_series(tmp_path / "full", table(values, count=0)))
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: 65535 - s))
    (tmp_path / "signed").mkdir()

    def change(k, elements):
        table(np.arange(4096) * 2, first=-2048)(k, elements)
        elements[0x00280103] = ("US", 1)

    image = read_image(write_series(tmp_path / "signed", change))
    signed = stacked(lambda s, k: np.where(s >= 2048, s - 4096, s))
    np.testing.assert_array_equal(image.array[0], (signed + 2048) * 2)


def test_a_table_beside_a_slope_or_without_its_data_is_refused(tmp_path):
    (tmp_path / "both").mkdir()
    write_series(tmp_path / "both", put(0x00283000, "SQ", [{0x00283002: ("US", (1, 0, 16))}]))
    refused(tmp_path / "both", "ModalityLUTSequence is there beside RescaleSlope")
    (tmp_path / "short").mkdir()
    write_series(tmp_path / "short", table(np.arange(100), count=99))
    refused(tmp_path / "short", "LUTData is 200 bytes, expected 99 numbers of 16 bits")
    (tmp_path / "mixed").mkdir()
    write_series(tmp_path / "mixed", lambda k, e: table(np.arange(9))(k, e) if k else None)
    refused(tmp_path / "mixed", "mixes slices with and without ModalityLUTSequence")
