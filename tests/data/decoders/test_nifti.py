"""NIfTI headers: every field accounted for, every ambiguity said, nibabel's answer or a refusal."""

import math
import struct

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image, read_label, write_label
from segscope.data.decoders.nifti_fields import FIELDS, NIFTI1, NIFTI2
from segscope.data.decoders.nifti_header import parse_header, voxel_offset
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from tests.fuzz_nifti import run

VERSIONS = [(NIFTI1, nib.Nifti1Header), (NIFTI2, nib.Nifti2Header)]
AFFINE = np.diag([1.0, 1.5, 2.0, 1.0])
# where fields of the first version lie, from nifti1.h
DIM, PIXDIM, OFFSET, UNITS, QCODE, SCODE = 40, 76, 108, 123, 252, 254
QUATERN, SROW, INTENT, SLOPE, MAGIC, EXTENSION = 256, 280, 68, 112, 344, 348


def made(path, *changes, affine=AFFINE, codes=(0, 1), extra=b"", array=None, kind=nib.Nifti1Image):
    """A good file with numbers of its header replaced: ``(place, format, values)``."""
    if array is None:
        array = np.arange(60, dtype=np.int16).reshape(4, 3, 5)
    image = kind(array, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    raw = bytearray(image.to_bytes())
    for place, how, *values in changes:
        struct.pack_into(how, raw, place, *values)
    begin = int(image.header.sizeof_hdr) + 4
    path.write_bytes(bytes(raw[:begin]) + extra + bytes(raw[begin:]))
    return path


def refused(path, words, reader=read_image):
    with pytest.raises(InputError, match=words) as caught:
        reader(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "; " in said
    assert "\n" not in said


@pytest.mark.parametrize(("layout", "header"), VERSIONS, ids=["first", "second"])
def test_every_field_of_the_standard_is_taken_apart_where_it_lies_and_accounted_for(layout, header):
    dtype = header.template_dtype
    assert set(layout.codes) == {*dtype.names, "extension"}
    assert set(layout.codes) <= set(FIELDS)
    raw = np.random.default_rng(0).bytes(layout.size)
    for order in "<>":
        found = layout.unpack(raw, order)
        expected = np.frombuffer(raw, dtype.newbyteorder(order), count=1)[0]
        for name in dtype.names:
            if name == "eol_check":  # four small numbers there, bytes here
                assert np.frombuffer(found[name], np.int8).tolist() == expected[name].tolist()
                continue
            known = expected[name].tolist()
            given = found[name].rstrip(b"\0") if isinstance(known, bytes) else found[name]
            np.testing.assert_equal(np.array(given), np.array(known), err_msg=name)


def test_no_field_is_accounted_for_that_does_not_exist():
    assert set(FIELDS) == {*NIFTI1.codes, *NIFTI2.codes}
    assert {field.fate for field in FIELDS.values()} == {"used", "checked", "harmless", "noted"}


HARMLESS = ["slice_start", "slice_end", "slice_code", "slice_duration", "toffset", "cal_max",
            "cal_min", "dim_info", "intent_p1", "intent_p2", "intent_p3"]  # fmt: skip


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image], ids=["first", "second"])
def test_what_is_called_harmless_changes_nothing(tmp_path, kind):
    expected = read_image(made(tmp_path / "good.nii", kind=kind))
    assert expected.notes == ()
    dtype = kind.header_class.template_dtype
    names = [name for name in dtype.names if FIELDS[name].fate == "harmless"]
    assert set(HARMLESS) <= set(names)
    for name in names:
        part, place = dtype.fields[name][:2]
        for value in (0x11, 0xFF):  # of floating point, 0xFF... is NaN
            path = made(tmp_path / "a.nii", kind=kind)
            raw = bytearray(path.read_bytes())
            raw[place : place + part.itemsize] = bytes([value]) * part.itemsize
            path.write_bytes(bytes(raw))
            found = read_image(path)
            np.testing.assert_array_equal(found.array, expected.array)
            np.testing.assert_array_equal(found.grid.affine, expected.grid.affine)
            assert found.notes == ()


def test_damaged_headers_are_refused_or_read_as_nibabel_reads_them():
    assert run(300) == {}


@pytest.mark.parametrize("code", [64, 128, 56, 66, 194])
def test_a_unit_code_that_does_not_exist_is_said(tmp_path, code):
    found = read_image(made(tmp_path / "a.nii", (UNITS, "B", code)))
    assert found.grid.spacing_mm == (1, 1.5, 2)
    assert found.notes == (f"its unit code {code} does not exist; lengths taken as mm",)


@pytest.mark.parametrize("code", [4, 5, 6, 7, 12, 65, 123, 255])
def test_a_unit_that_may_be_another_length_is_refused(tmp_path, code):
    refused(made(tmp_path / "a.nii", (UNITS, "B", code)), f"unit code {code} is unknown")


@pytest.mark.parametrize("time", [0, 8, 16, 24, 32, 40, 48])
@pytest.mark.parametrize(("length", "spacing"), [(0, 2.0), (1, 2000.0), (2, 2.0), (3, 0.002)])
def test_units_of_time_do_no_harm_to_lengths(tmp_path, time, length, spacing):
    found = read_image(made(tmp_path / "a.nii", (UNITS, "B", time + length)))
    assert found.grid.spacing_mm[2] == pytest.approx(spacing)


@pytest.mark.parametrize("codes", [(0, 1), (1, 1)], ids=["no qform", "qform too"])
def test_voxel_sizes_that_differ_from_the_sform_are_said_with_both(tmp_path, codes):
    path = made(tmp_path / "a.nii", (PIXDIM + 4, "<3f", 3, 3, 3), codes=codes)
    found = read_image(path)
    assert found.grid.spacing_mm == (1, 1.5, 2)
    said = "voxel sizes 3 x 3 x 3 in the header, 1 x 1.5 x 2 by its sform; the sform was taken"
    assert said in found.notes


def test_voxel_sizes_rounded_by_less_than_a_tenth_of_a_voxel_at_the_far_end_are_not_said(tmp_path):
    close, far = 2 * (1 + 0.09 / 4), 2 * (1 + 0.11 / 4)  # 5 voxels: 4 steps
    assert read_image(made(tmp_path / "a.nii", (PIXDIM + 12, "<f", close))).notes == ()
    assert len(read_image(made(tmp_path / "b.nii", (PIXDIM + 12, "<f", far))).notes) == 1


def test_sizes_of_dimensions_that_are_not_there_mean_nothing(tmp_path):
    path = made(tmp_path / "a.nii", (PIXDIM + 12, "<f", 9.0), array=np.ones((4, 3), np.int16))
    found = read_image(path)
    assert found.array.shape == (1, 4, 3, 1)
    assert found.notes == ()


@pytest.mark.parametrize("place", [SROW, SROW + 4, SROW + 12])
def test_one_big_number_in_the_sform_is_read_or_refused(tmp_path, place):
    refused(made(tmp_path / "a.nii", (place, "<f", 1e30)), "affine|spacing|origin")


def test_a_voxel_size_that_overflows_raises_no_warning(tmp_path):
    change = (104 + 8 * 3, "<d", 1e308)
    found = read_image(made(tmp_path / "a.nii", change, kind=nib.Nifti2Image))
    assert "e+308 in the header" in found.notes[0]


def test_small_voxels_are_read(tmp_path):
    found = read_image(made(tmp_path / "a.nii", affine=np.diag([1e-6, 1e-6, 1e-6, 1])))
    assert found.grid.spacing_mm == pytest.approx((1e-6, 1e-6, 1e-6))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.5, -2.0, 1e30])
def test_a_quaternion_that_is_no_rotation_is_refused_where_it_counts(tmp_path, value):
    change = (QUATERN + 4, "<f", value)
    refused(made(tmp_path / "a.nii", change, codes=(1, 0)), "qform cannot be read .quaternion")
    beside = read_image(made(tmp_path / "b.nii", change, codes=(1, 1)))
    assert beside.notes == ("qform cannot be read; the sform was taken",)
    assert read_image(made(tmp_path / "c.nii", change, codes=(0, 1))).notes == ()


@pytest.mark.parametrize(
    ("qfac", "last", "notes"),
    [(1, 2, ()), (-1, -2, ()), (0, 2, ()), (3, 2, ("qfac 3 in the header read as 1",))],
)
def test_qfac(tmp_path, qfac, last, notes):
    found = read_image(made(tmp_path / "a.nii", (PIXDIM, "<f", qfac), codes=(1, 0)))
    np.testing.assert_allclose(found.grid.affine, np.diag([1, 1.5, last, 1]))
    assert found.notes == notes


@pytest.mark.parametrize("qfac", [-3, math.nan, -math.inf, math.inf])
def test_a_qfac_that_readers_take_in_different_ways_is_refused(tmp_path, qfac):
    refused(made(tmp_path / "a.nii", (PIXDIM, "<f", qfac), codes=(1, 0)), "qfac")


def test_a_turned_qform_lies_where_nibabel_has_it(tmp_path):
    affine = np.array([[0, 0.9, 0, 4], [0, 0, -1.1, 5], [1.3, 0, 0, 6], [0, 0, 0, 1]])
    path = made(tmp_path / "a.nii", affine=affine, codes=(1, 0))
    np.testing.assert_array_equal(read_image(path).grid.affine, nib.load(path).affine)


@pytest.mark.parametrize("place", [QCODE, SCODE], ids=["qform", "sform"])
@pytest.mark.parametrize("code", [-1, 6, 2048])
def test_a_code_that_does_not_exist_is_refused(tmp_path, place, code):
    refused(made(tmp_path / "a.nii", (place, "<h", code)), f"form_code is {code}")


@pytest.mark.parametrize("code", [3, 24, 1001, 2005, 2016, 9999, -5])
def test_an_intent_is_said(tmp_path, code):
    (note,) = read_image(made(tmp_path / "a.nii", (INTENT, "<h", code))).notes
    assert f"intent code {code}" in note
    assert ("statistic" in note) == (code in (3, 24))


@pytest.mark.parametrize("code", [1004, 1006, 1007, 1010, 2003, 2004])
def test_an_intent_of_several_numbers_per_voxel_is_refused(tmp_path, code):
    refused(made(tmp_path / "a.nii", (INTENT, "<h", code)), f"intent code {code}")


def test_the_intent_of_labels_is_said_of_images_only(tmp_path):
    path = made(tmp_path / "a.nii", (INTENT, "<h", 1002))
    assert "labels, not intensities" in read_image(path).notes[0]
    assert read_label(path).notes == ()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 2, 2, 3), "holds 3 volumes"),
        ((2, 2, 2, 1, 3), "holds 3 values per voxel"),
        ((2, 2, 2, 2, 1, 1, 2), "holds 2 values per voxel"),
    ],
)
def test_more_than_one_value_per_voxel_is_refused(tmp_path, shape, words):
    refused(made(tmp_path / "a.nii", array=np.zeros(shape, np.int16)), words)


def test_sides_whose_product_leaves_64_bits_are_refused(tmp_path):
    sides = (3, 1, 1, 2**32, 2**32, 1, 1, 1)
    path = made(tmp_path / "a.nii", (16, "<8q", *sides), kind=nib.Nifti2Image)
    refused(path, "holds|announces|sides")
    path = made(tmp_path / "b.nii", (16, "<8q", 3, 2**32, 2**32, 1, 0, 0, 0, 0),
                kind=nib.Nifti2Image)  # fmt: skip
    refused(path, "announces")


def test_numbers_behind_the_last_dimension_mean_nothing(tmp_path):
    path = made(tmp_path / "a.nii", (DIM + 8, "<4h", 7, -3, 0, 32767))
    assert read_image(path).array.shape == (1, 4, 3, 5)


@pytest.mark.parametrize(
    ("magic", "words"),
    [
        (b"ni1\0", "pair"),
        (b"\0\0\0\0", "Analyze 7.5"),
        (b"n+2\0", "magic"),
        (b"n+1x", "magic"),
        (b"n+3\0", "magic"),
    ],
    ids=["pair", "none", "the other version's", "another end", "a third version"],
)
def test_other_kinds_of_file_are_refused(tmp_path, magic, words):
    refused(made(tmp_path / "a.nii", (MAGIC, "4s", magic)), words)


def test_a_transfer_as_text_is_seen_in_the_second_version(tmp_path):
    made(tmp_path / "a.nii", (8, "4s", b"\n\n\x1a\n"), kind=nib.Nifti2Image)
    refused(tmp_path / "a.nii", "transfer as text")
    made(tmp_path / "b.nii", (8, "4s", bytes(4)), kind=nib.Nifti2Image)
    assert read_image(tmp_path / "b.nii").notes == ()


def extension(size, length=None):
    return struct.pack("<2i", size, 6).ljust(size if length is None else length, b"x")


@pytest.mark.parametrize(
    ("extra", "flag", "words"),
    [
        (extension(16) + extension(32), 1, None),
        (extension(16) + bytes(16), 1, None),
        (bytes(32), 0, None),
        (bytes(31) + b"x", 0, "32 bytes between header and voxels"),
        (extension(24) + bytes(8), 1, "no multiple of 16"),
    ],
    ids=["two", "padded", "only padding", "bytes without meaning", "uneven size"],
)
def test_all_between_header_and_voxels_is_accounted_for(tmp_path, extra, flag, words):
    begin = 352.0 + len(extra)
    path = made(tmp_path / "a.nii", (EXTENSION, "B", flag), (OFFSET, "<f", begin), extra=extra)
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0].ravel(), np.arange(60))
    assert (found.notes == ()) if words is None else words in found.notes[0]


@pytest.mark.parametrize("size", [0, 4, -16, 48, 2**31 - 1])
def test_an_extension_that_does_not_end_before_the_voxels_is_refused(tmp_path, size):
    change = (OFFSET, "<f", 384.0)
    extra = extension(size, 32)
    refused(made(tmp_path / "a.nii", (EXTENSION, "B", 1), change, extra=extra), "extension")


def test_the_extensions_of_a_large_endian_file_are_walked_in_its_order():
    raw = bytearray(made_big_endian())
    raw[348] = 1
    values, order = parse_header("a.nii", bytes(raw))
    assert voxel_offset("a.nii", {**values, "vox_offset": 368.0}, raw[:352] + struct.pack(
        ">2i", 16, 6) + bytes(8) + raw[352:], order) == (368, ())  # fmt: skip


def made_big_endian():
    header = nib.Nifti1Header(endianness=">")
    return nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), AFFINE, header).to_bytes()


@pytest.mark.parametrize("offset", [0, 348, 351, 352.5, -352, math.inf, math.nan])
def test_voxels_begin_behind_the_header(tmp_path, offset):
    refused(made(tmp_path / "a.nii", (OFFSET, "<f", offset)), "inside its header")


@pytest.mark.parametrize(
    ("kind", "place", "begin"),
    [(nib.Nifti1Image, (OFFSET, "<f"), 352), (nib.Nifti2Image, (168, "<q"), 544)],
    ids=["first", "second"],
)
def test_an_offset_that_was_not_written_is_told_with_the_right_one(tmp_path, kind, place, begin):
    path = made(tmp_path / "a.nii", (*place, 0), kind=kind)
    # nibabel takes the header's own bytes for voxels
    assert not np.array_equal(np.asanyarray(nib.load(path).dataobj).ravel(), np.arange(60))
    refused(path, f"write {begin} there")


@pytest.mark.parametrize("inter", [math.nan, 0.0, 7.0])
def test_a_slope_that_is_no_number_is_no_scaling(tmp_path, inter):
    path = made(tmp_path / "a.nii", (SLOPE, "<2f", math.nan, inter))
    found = read_image(path)
    assert found.array.dtype == np.int16
    np.testing.assert_array_equal(found.array[0], np.asanyarray(nib.load(path).dataobj))
    assert found.notes == ("scl_slope is not a number, so values are not scaled",)


def test_a_slope_of_zero_with_an_intercept_is_said(tmp_path):
    found = read_image(made(tmp_path / "a.nii", (SLOPE, "<2f", 0, 5)))
    np.testing.assert_array_equal(found.array[0].ravel(), np.arange(60))
    assert "scl_inter 5 does not count" in found.notes[0]


@pytest.mark.parametrize("slope", [1e37, 1e-44], ids=["too large", "too small"])
def test_scaled_values_that_float32_cannot_hold_are_refused_with_their_number(tmp_path, slope):
    refused(made(tmp_path / "a.nii", (SLOPE, "<f", slope)), "32-bit")


def test_outputs_with_the_ending_in_capitals_are_compressed_and_read_back(tmp_path):
    label = LabelMap(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), AFFINE))
    write_label(tmp_path / "a.NII.GZ", label)
    assert (tmp_path / "a.NII.GZ").read_bytes()[:2] == b"\x1f\x8b"
    assert read_label(tmp_path / "a.NII.GZ").array.sum() == 24


def test_sides_beyond_16_bits_are_written_in_the_second_version(tmp_path):
    label = LabelMap(np.ones((40000, 1, 1), np.uint8), Grid((40000, 1, 1), AFFINE))
    write_label(tmp_path / "a.nii.gz", label)
    assert read_label(tmp_path / "a.nii.gz").array.shape == (40000, 1, 1)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj), label.array)
