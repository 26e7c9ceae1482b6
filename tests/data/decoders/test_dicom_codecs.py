"""Encoded DICOM pixels: who decodes them, and what is checked of the result."""

import struct
import warnings
import zlib
from collections import Counter
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import JPEG2000Lossless, RLELossless

from segscope.data import read_image
from segscope.data.decoders import dicom_codecs
from segscope.data.decoders.dicom_pixels import check_kind, real_values
from segscope.data.decoders.dicom_tags import planes_of
from segscope.errors import InputError
from tests.data.decoders.dicom_made import refused, write_series
from tests.data.decoders.test_dicom_pixels import NOTED, grey, sitk_array, stacked
from tests.deadly import deadly
from tests.fuzz_dicom import DEFLATED, SLICES, encode, slice_elements


def encapsulated(*frames, table=b""):
    def item(data):
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data

    return item(table) + b"".join(item(f + b"\0" * (len(f) % 2)) for f in frames)


def write_encoded(folder, syntax, code, change=lambda k, e: None):
    for k in range(SLICES):
        elements = slice_elements(k)
        change(k, elements)
        frames = code(elements[0x7FE00010][1], k)
        del elements[0x7FE00010]
        value = encapsulated(*([frames] if isinstance(frames, bytes) else frames))
        pixel = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + value
        ends = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        (folder / f"{k}.dcm").write_bytes(encode(elements, syntax) + pixel + ends)
    return folder


JPEG2000, JPEG, JPEG12, LOSSLESS, LS = (f"1.2.840.10008.1.2.4.{n}" for n in (90, 50, 51, 70, 80))


def j2k(samples, k):
    return imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True, level=0)


@pytest.mark.parametrize(
    ("syntax", "code"),
    [(JPEG2000, j2k), (LOSSLESS, lambda s, k: imagecodecs.ljpeg_encode(s)),
     (LS, lambda s, k: imagecodecs.jpegls_encode(s))],
    ids=["JPEG 2000", "JPEG lossless", "JPEG-LS"],
)  # fmt: skip
def test_lossless_codecs_give_the_samples_back(tmp_path, syntax, code):
    write_encoded(tmp_path, syntax, code)
    image = read_image(tmp_path)
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s - 1024))
    np.testing.assert_array_equal(image.array[0], sitk_array(tmp_path))
    assert image.notes == (NOTED,)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["RLE", "JPEG 2000"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_what_pydicom_encodes_is_read(tmp_path, syntax, signed):
    write_series(tmp_path, grey(12, signed, 16, "MONOCHROME2"))
    expected = read_image(tmp_path).array
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        if syntax == RLELossless:
            one.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        else:
            frame = j2k(one.pixel_array, 0)
            one.PixelData = pydicom.encaps.encapsulate([frame])
            one["PixelData"].VR, one["PixelData"].is_undefined_length = "OB", True
            one.file_meta.TransferSyntaxUID = syntax
        one.save_as(file)
    np.testing.assert_array_equal(read_image(tmp_path).array, expected)


def eight(k, elements):
    """Say that samples have 8 bits."""
    elements[0x00280100] = elements[0x00280101] = ("US", 8)
    elements[0x00280102] = ("US", 7)


def test_jpeg_of_8_bits_is_read_and_its_losses_said(tmp_path):
    def code(samples, k):
        return imagecodecs.jpeg8_encode((samples // 16).astype(np.uint8), level=95)

    image = read_image(write_encoded(tmp_path, JPEG, code, eight))
    assert "was compressed with losses" in image.notes
    off = np.abs(image.array[0] - stacked(lambda s, k: s // 16 - 1024))
    assert off.mean() < 12  # of 256, on noise


@pytest.mark.parametrize(
    ("syntax", "code", "said"),
    [
        (JPEG2000, lambda s, k: j2k(s, k)[:40], "JPEG 2000, transfer syntax .*4.90"),
        (JPEG2000, lambda s, k: b"\0" * 60, "JPEG 2000, transfer syntax .*4.90"),
        (LOSSLESS, lambda s, k: j2k(s, k), "JPEG lossless, transfer syntax .*4.70"),
        (JPEG, lambda s, k: b"\xff\xd8\xff\xd9", "JPEG baseline, transfer syntax .*4.50"),
        (RLELossless, lambda s, k: struct.pack("<16I", 3, *range(15)), "3 segments where"),
        ("1.2.840.10008.1.2.4.100", j2k, "transfer syntax 1.2.840.10008.1.2.4.100 is not read"),
        (JPEG2000, lambda s, k: j2k(s[:-1], k), r"decode to 5 x 7 .*tags say 6 x 7"),
        (JPEG2000, lambda s, k: j2k(s.T.copy(), k), "decode to 7 x 6"),
        (JPEG2000, lambda s, k: j2k(s.astype(np.int16) - 2048, k), "signed as they are encoded"),
        (JPEG2000, lambda s, k: [j2k(s, k), j2k(s, k)], "NumberOfFrames is 1, and .* 2 fragments"),
        (RLELossless, lambda s, k: [b"12", b"34"], "NumberOfFrames is 1, and .* 2 fragments"),
        (JPEG2000, lambda s, k: [], "NumberOfFrames is 1"),
    ],
    ids=["cut", "zeros", "another codec", "nothing in it", "segments", "video", "a row less",
         "turned", "signs", "two frames", "two runs", "no fragment"],
)  # fmt: skip
def test_encoded_pixels_that_are_not_what_the_tags_say_are_refused(tmp_path, syntax, code, said):
    write_encoded(tmp_path, syntax, code)
    refused(tmp_path, rf"\d\.dcm: .*{said}")


@pytest.mark.parametrize(
    ("syntax", "code", "library"),
    [
        (RLELossless, None, "rle"),
        (JPEG2000, j2k, "openjpeg"),
        (LOSSLESS, lambda s, k: imagecodecs.ljpeg_encode(s), "imagecodecs"),
        (LS, lambda s, k: imagecodecs.jpegls_encode(s), "imagecodecs"),
        (JPEG, lambda s, k: imagecodecs.jpeg8_encode((s // 16).astype(np.uint8)),
         "PIL.JpegImagePlugin"),
    ],
    ids=["RLE", "JPEG 2000", "JPEG lossless", "JPEG-LS", "JPEG"],
)  # fmt: skip
def test_a_codec_that_dies_is_an_error_of_its_file(tmp_path, monkeypatch, syntax, code, library):
    folder = tmp_path / "series"
    folder.mkdir()
    if code is None:
        write_series(folder, grey(12, False, 16, "MONOCHROME2"))
        for file in folder.iterdir():
            one = pydicom.dcmread(file)
            one.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
            one.save_as(file)
    else:
        write_encoded(folder, syntax, code, eight if syntax == JPEG else lambda k, e: None)
    read_image(folder)
    with deadly(tmp_path / "planted", monkeypatch, library):
        refused(folder, r"\d\.dcm: .*its decoder was ended by SIGSEGV")


@pytest.mark.parametrize(
    ("syntax", "code", "at"),
    [(JPEG2000, j2k, 8), (LS, lambda s, k: imagecodecs.jpegls_encode(s), None),
     (LOSSLESS, lambda s, k: imagecodecs.ljpeg_encode(s), None)],
    ids=["JPEG 2000", "JPEG-LS", "JPEG lossless"],
)  # fmt: skip
def test_a_frame_that_announces_other_sides_reaches_no_codec(
    tmp_path, monkeypatch, syntax, code, at
):
    def huge(samples, k):
        frame = bytearray(code(samples, k))
        if at is not None:
            frame[at : at + 8] = struct.pack(">2I", 60000, 60000)
        else:  # the header of sides begins with its depth, rows and columns
            start = frame.index(struct.pack(">HH", *samples.shape))
            frame[start : start + 4] = struct.pack(">HH", 60000, 60000)
        return bytes(frame)

    write_encoded(tmp_path, syntax, huge)
    monkeypatch.setattr(dicom_codecs, "isolated", lambda *about: pytest.fail("was decoded"))
    refused(tmp_path, "decode to 60000 x 60000 .*tags say 6 x 7")


def test_a_frame_in_several_fragments_is_one(tmp_path):
    def code(samples, k):
        data = j2k(samples, k)
        return [data[:50], data[50:]]

    image = read_image(write_encoded(tmp_path, JPEG2000, code))
    np.testing.assert_array_equal(image.array[0], stacked(lambda s, k: s - 1024))


def test_encoded_pixels_under_a_native_name_are_refused_and_the_other_way(tmp_path):
    write_encoded(tmp_path, "1.2.840.10008.1.2.1", j2k)
    refused(tmp_path, "its pixels are encoded")
    write_series(tmp_path, syntax=JPEG2000)
    refused(tmp_path, "says that its pixels are encoded, and they are not")


def head(syntax):
    """A file's beginning, with nothing behind it."""
    return encode({}, "1.2.840.10008.1.2.1").replace(
        b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x00" + syntax.encode()
    )


@pytest.mark.parametrize(
    ("end", "read"),
    [(lambda d: d, True), (lambda d: d + b"\0", True), (lambda d: d[:-9], False),
     (lambda d: d + b"more", False)],
    ids=["checksum and length", "filled up", "cut", "followed"],
)  # fmt: skip
def test_a_deflated_data_set_is_whole_or_refused(tmp_path, end, read):
    for k in range(SLICES):
        plain = encode(slice_elements(k))[len(encode({})) :]
        packed = zlib.compress(plain, wbits=-15)
        sums = struct.pack("<II", zlib.crc32(plain), len(plain))
        data = packed if end(b"x") == b"x\0" else packed + sums
        (tmp_path / f"{k}.dcm").write_bytes(head(DEFLATED) + end(data))
    if read:
        np.testing.assert_array_equal(read_image(tmp_path).array[0], stacked(lambda s, k: s - 1024))
    else:
        refused(tmp_path, "deflated data set is cut short, or followed by other bytes|decoded")


SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"


def values_or_refusal(file):
    try:
        planes = planes_of(file)
        for plane in planes:
            check_kind(plane)
        return np.squeeze([real_values(p, Counter(), stored=True) for p in planes]), ""
    except InputError as error:
        return None, str(error)


def test_pydicoms_own_sample_files_are_read_as_there_or_refused():
    files = [f for f in sorted(SAMPLES.rglob("*")) if f.is_file()]
    files = [f for f in files if f.read_bytes()[128:132] == b"DICM"]
    equal = refusals = 0
    for file in files:
        found, refusal = values_or_refusal(file)
        if found is None:
            assert str(file) in refusal
            refusals += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = pydicom.dcmread(file).pixel_array
            except RuntimeError:
                continue  # it has no decoder
        equal += 1
        np.testing.assert_array_equal(found, expected, err_msg=file.name)
    assert equal >= 40
    assert refusals >= 100


@pytest.mark.parametrize("name", ["JPEG-lossy", "JPEGLSNearLossless_08", "JPEGLSNearLossless_16",
                                  "MR_small_jpeg_ls_lossless", "image_dfl"])  # fmt: skip
def test_sample_files_that_pydicom_cannot_decode_equal_gdcms(name):
    (file,) = SAMPLES.glob(f"{name}.dcm")
    (plane,) = planes_of(file)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    expected = SimpleITK.GetArrayFromImage(reader.Execute())[0]
    np.testing.assert_array_equal(real_values(plane, Counter()), expected)
