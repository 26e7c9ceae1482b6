"""DICOM series: what belongs together, where slices lie, what is said."""

import re
import struct

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, RepeatersDictionary

from segscope.data import read_image
from segscope.data.decoders.dicom_elements import file_elements
from segscope.data.decoders.dicom_fields import FIELDS, field_of
from segscope.data.decoders.dicom_tags import TAGS
from segscope.errors import InputError
from tests.fuzz_dicom import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SLICES,
    compare,
    encode,
    mutations,
    pixels,
    slice_elements,
)

ECHO, ECHO_NUMBER = 0x00180081, 0x00180086


def write_series(folder, change=lambda k, e: None, *, syntax=EXPLICIT, slices=SLICES):
    """A CT series; ``change(k, elements)`` before slice k is written."""
    for k in range(slices):
        elements = slice_elements(k)
        change(k, elements)
        (folder / f"{k}.dcm").write_bytes(encode(elements, syntax))
    return folder


def put(tag, vr, value, *, only=None):
    """Set a tag in all slices, or in one."""

    def change(k, elements):
        if only is None or k == only:
            elements[tag] = (vr, value)

    return change


def by_slice(tag, vr, *values):
    def change(k, elements):
        elements[tag] = (vr, values[k])

    return change


def refused(folder, words):
    with pytest.raises(InputError, match=words) as raised:
        read_image(folder)
    return str(raised.value)


def expected_values():
    """As the tags of a plain series say: sample - 1024, i along a row."""
    return np.stack([pixels(k).astype(int).T - 1024 for k in range(SLICES)], axis=-1)


@pytest.mark.parametrize(
    "syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED], ids=["explicit", "implicit", "big", "deflated"]
)
def test_a_plain_series_is_read_where_it_lies(tmp_path, syntax):
    image = read_image(write_series(tmp_path, syntax=syntax))
    np.testing.assert_array_equal(image.array[0], expected_values())
    assert image.array.dtype == np.int16
    assert image.modality == "CT"
    assert image.notes == ("DICOM series of 4 slices, 2.5 mm apart",)
    # 0.75 mm between rows (j), 0.5 mm between columns (i); x and y turn round towards RAS
    expected = [[-0.5, 0, 0, 10], [0, -0.75, 0, -5.5], [0, 0, 2.5, -3], [0, 0, 0, 1]]
    np.testing.assert_allclose(image.grid.affine, expected, atol=1e-12)


def test_implicit_elements_under_an_explicit_name_and_the_other_way_are_read(tmp_path):
    for k in range(SLICES):
        plain = encode(slice_elements(k), EXPLICIT if k % 2 else IMPLICIT)
        said = IMPLICIT if k % 2 else EXPLICIT
        head = encode({}, said)
        (tmp_path / f"{k}.dcm").write_bytes(
            head + plain[len(encode({}, EXPLICIT if k % 2 else IMPLICIT)) :]
        )
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


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
    ("tag", "vr", "value"),
    [(0x0020000E, "UI", "1.9"), (0x0020000D, "UI", "1.9"), (0x00200052, "UI", "1.9"),
     (0x00200052, "UI", None), (0x00100020, "LO", "SMITH"), (0x00080060, "CS", "MR"),
     (0x00080016, "UI", "1.9"), (0x00281054, "LO", "US"), (0x00541001, "CS", "CNTS"),
     (0x00541102, "CS", "START"), (0x00541006, "CS", "BW"), (0x00280004, "CS", "MONOCHROME1"),
     (0x00280030, "DS", "0.75\\0.51"), (0x20500020, "CS", "INVERSE"), (0x00281040, "CS", "LOG")],
    ids=["series", "study", "frame of reference", "frame of reference empty", "patient", "modality",
         "class", "unit", "PET unit", "decay", "SUV", "greys", "spacing", "shape", "relationship"],
)  # fmt: skip
def test_slices_that_do_not_belong_together_are_refused(tmp_path, tag, vr, value):
    name = DicomDictionary[tag][4]
    write_series(tmp_path, put(tag, vr, value, only=2))
    said = refused(tmp_path, rf"mixes 2 values of {name}.*; put each into a folder of its own")
    assert "1.9" not in said
    assert "SMITH" not in said
    assert "1.2.3" not in said


def test_in_ct_no_rescale_type_is_hounsfield_units(tmp_path):
    write_series(tmp_path, put(0x00281054, "LO", "HU", only=2))
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


@pytest.mark.parametrize(
    ("tag", "vr", "values"),
    [(ECHO, "DS", ("5", "10")), (ECHO_NUMBER, "IS", ("1", "2")),
     (0x00189087, "FD", (0.0, 1000.0)), (0x00200100, "IS", ("1", "2")),
     (0x00209128, "UL", (1, 2)), (0x00089208, "CS", ("MAGNITUDE", "PHASE")),
     (0x00080008, "CS", ("ORIGINAL\\PRIMARY\\M", "ORIGINAL\\PRIMARY\\P")),
     (0x00180082, "DS", ("100", "400")), (0x00181314, "DS", ("5", "26")),
     (0x00180020, "CS", ("SE", "GR"))],
    ids=["echo time", "echo", "diffusion", "time", "time index", "component", "image type",
         "inversion", "flip angle", "sequence"],
)  # fmt: skip
@pytest.mark.parametrize("doubled", [True, False], ids=["same places", "interleaved"])
def test_two_contrasts_in_one_volume_are_refused_by_name(tmp_path, tag, vr, values, doubled):
    def change(k, elements):
        elements[tag] = (vr, values[k % 2])
        if doubled:
            elements[0x00200032] = ("DS", f"0\\0\\{k // 2 * 3}")

    write_series(tmp_path, change)
    name, listed = DicomDictionary[tag][4], [str(v).removesuffix(".0") for v in values]
    said = refused(tmp_path, "same place and differ in" if doubled else "mixes 2 values of")
    assert f"{name} (" in said
    shown = [v.removeprefix("ORIGINAL\\PRIMARY\\") for v in listed]
    assert all(v in said for v in shown)
    assert "the slices of each" in said


def test_echo_times_that_differ_by_rounding_are_one(tmp_path):
    write_series(tmp_path, by_slice(ECHO, "DS", "4.2", "4.204", "4.2", "4.199"))
    assert read_image(tmp_path).notes == ("DICOM series of 4 slices, 2.5 mm apart",)


@pytest.mark.parametrize(
    ("tag", "vr", "values"),
    [(0x00200012, "IS", "1234"), (0x00180060, "DS", ("100", "120", "100", "120")),
     (0x00181210, "SH", ("B30f", "B30f", "B70f", "B70f")), (0x00180010, "LO", ("", "x", "x", "x")),
     (0x00080008, "CS", ("ORIGINAL\\PRIMARY\\AXIAL",) * 3 + ("DERIVED\\PRIMARY\\AXIAL",)),
     (ECHO, "DS", ("5", "5", "5", None))],
    ids=["acquisition", "tube", "kernel", "agent", "derived", "echo time partly"],
)  # fmt: skip
def test_what_may_differ_is_said(tmp_path, tag, vr, values):
    image = read_image(write_series(tmp_path, by_slice(tag, vr, *values)))
    np.testing.assert_array_equal(image.array[0], expected_values())
    assert any(n.startswith(f"{DicomDictionary[tag][4]} differs between") for n in image.notes)


def test_times_of_slices_are_not_worth_a_word(tmp_path):
    times = by_slice(0x00080033, "TM", *(f"12000{k}" for k in range(4)))
    assert len(read_image(write_series(tmp_path, times)).notes) == 1


def test_copies_of_a_slice_are_named(tmp_path):
    write_series(tmp_path)
    (tmp_path / "1 (copy).dcm").write_bytes((tmp_path / "1.dcm").read_bytes())
    refused(tmp_path, r"same place \(copies of one: 1 \(copy\)\.dcm and 1\.dcm\); keep one")


def test_time_points_that_several_tags_tell_apart_are_refused_by_the_first(tmp_path):
    def change(k, elements):
        elements[0x00200032] = ("DS", f"0\\0\\{k // 2 * 3}")
        elements[0x00181060] = ("DS", str(k % 2 * 40))
        elements[0x00080033] = ("TM", f"12000{k}")

    write_series(tmp_path, change)
    said = refused(tmp_path, r"differ in TriggerTime \(0, 40\); put the slices of each value")
    assert "12000" not in said


def test_a_slice_shifted_sideways_is_refused(tmp_path):
    write_series(tmp_path, put(0x00200032, "DS", "-10\\9\\-0.5", only=1))
    refused(tmp_path, "slices are shifted sideways against each other .by up to 3.5 mm")


@pytest.mark.parametrize(
    ("count", "off"), [(9, None), (17, "0.48 mm off even places"), (60, "refused")],
    ids=["few", "some", "many"],
)  # fmt: skip
def test_small_differences_of_steps_add_up(tmp_path, count, off):
    """Steps of 2.4 mm up to the middle, of 2.52 mm from there: each within 5 % of their median."""
    steps = np.where(np.arange(count - 1) < (count - 1) // 2, 2.4, 2.52)
    places = [0, *np.cumsum(steps)]
    # halfway lies n / 4 * 0.12 mm before the even place, of n steps
    change = by_slice(0x00200032, "DS", *(f"0\\0\\{z:.4f}" for z in places))
    write_series(tmp_path, change, slices=count)
    if off == "refused":
        refused(tmp_path, r"unevenly spaced \(up to 1\.\d+ mm off even places\)")
        return
    notes = read_image(tmp_path).notes
    assert [n for n in notes if "even places" in n] == ([f"slices lie up to {off}"] if off else [])


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


@pytest.mark.parametrize(
    ("numbers", "said"),
    [("1235", "InstanceNumber has gaps, though the positions are even"),
     ("3456", "InstanceNumber begins at 3"), ("1357", None), ("4321", None)],
    ids=["gap", "late", "every other", "backwards"],
)  # fmt: skip
def test_instance_numbers_are_compared_with_the_places(tmp_path, numbers, said):
    notes = read_image(write_series(tmp_path, by_slice(0x00200013, "IS", *numbers))).notes
    assert notes[1:] == (() if said is None else (said,))


def test_a_part_of_a_concatenation_is_refused(tmp_path):
    write_series(tmp_path, put(0x00209163, "US", 6))
    refused(tmp_path, "4 of 6 parts of a concatenation")


SLOPE = struct.pack("<HH2sH2s", 0x0028, 0x1053, b"DS", 2, b"7 ")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d[:-10], r"\(7FE0,0010\) ends 10 bytes beyond"),
        (lambda d: d + b"\1\2\3", "3 bytes follow its last element"),
        (lambda d: d + SLOPE, r"element \(0028,1053\) is there twice"),
        (lambda d: d.replace(b"DS\x02\x001 ", b"ZZ\x02\x001 ", 1), "unknown kind ZZ"),
    ],
    ids=["cut", "more bytes", "twice", "unknown kind"],
)
def test_bytes_that_are_not_accounted_for_are_refused(tmp_path, damage, said):
    write_series(tmp_path)
    file = tmp_path / "2.dcm"
    data = file.read_bytes()
    assert damage(data) != data
    file.write_bytes(damage(data))
    refused(tmp_path, rf"2\.dcm: .*{said}")


def test_zeros_up_to_a_block_of_the_medium_do_no_harm(tmp_path):
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes() + bytes(512))
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


def test_elements_equal_pydicoms(shared_data):
    samples = shared_data / "dicom_samples"
    files = [*samples.glob("mr_brain_flair/*")][:2] + [*samples.glob("ct_abdomen*/ct/*")][:2]
    files += [*samples.glob("ct_3slice*/seg/*.dcm")]
    assert len(files) == 6
    for file in files:
        found, syntax = file_elements(file.read_bytes())
        expected = pydicom.dcmread(file)
        assert syntax == expected.file_meta.TransferSyntaxUID
        assert sorted(found.found) == sorted(map(int, expected._dict))
        for tag in found.found:
            one = expected.get_item(tag)
            if isinstance(one, pydicom.dataelem.RawDataElement) and not found.found[tag].undefined:
                assert found.value(tag) == (one.value or b"")


GROUPS = (0x0020, 0x0028, 0x5200, 0x7FE0)


def test_every_attribute_of_pixels_places_and_frames_is_accounted_for():
    keywords = [v[4] for tag, v in DicomDictionary.items() if tag >> 16 in GROUPS and v[4]]
    repeated = ("0020", "0028", "60", "7F")
    keywords += [v[4] for mask, v in RepeatersDictionary.items() if mask.startswith(repeated)]
    assert len(keywords) > 400
    assert [word for word in keywords if field_of(word) is None] == []


def test_the_table_of_fields_is_what_the_code_reads():
    alive = {name for name, field in FIELDS.items() if field.fate != "harmless"}
    assert alive == set(TAGS)
    for name, (number, vr) in TAGS.items():
        kinds, *_, keyword = DicomDictionary[number]
        assert keyword == name
        assert vr in kinds.split(" or ")
    dead = {name for name, field in FIELDS.items() if field.fate == "harmless"}
    known = {v[4] for v in (*DicomDictionary.values(), *RepeatersDictionary.values())}
    assert dead <= known


def test_one_change_in_a_series_is_never_silently_wrong(tmp_path):
    faults = []
    for number, (name, write) in enumerate(mutations(2, 300)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder)
        if fault := compare(folder):
            faults.append((name, fault))
    assert faults == []


@pytest.mark.parametrize(
    ("step", "digits", "unit"),
    [(0.625, 1, "0.1"), (0.35, 1, "0.1"), (0.26, 1, "0.1"), (0.043, 2, "0.01")],
    ids=["wide", "narrow", "two and a half units", "two decimals"],
)
def test_positions_of_few_decimals_are_even_as_far_as_they_can_be(tmp_path, step, digits, unit):
    """0.625 mm from slice to slice, written as 0, 0.6, 1.2, 1.9, 2.5, ... as some archives do."""
    written = [round(k * step, digits) for k in range(9)]
    places = [f"0\\0\\{place}" for place in written]
    image = read_image(write_series(tmp_path, by_slice(0x00200032, "DS", *places), slices=9))
    mean = written[-1] / 8
    assert image.grid.affine[2, 2] == pytest.approx(mean)
    said = f"positions are rounded to {unit} mm; slices taken as even, {mean:.4g} mm apart"
    assert said in image.notes


@pytest.mark.parametrize(
    "places",
    [(0, 0.6, 1.2, 1.8, 3, 3.6), (0, 0.6, 1.2, 1.8, 2.4, 3.6), (0, 0.62, 1.2, 1.9, 2.5, 3.1),
     (0, 0.1, 0.3, 0.4, 0.5, 0.6), (0, 0.3, 0.7), (0, 0.3, 0.6, 1.2, 1.5, 1.8),
     (0, 0.3, 0.6, 0.9, 1.4, 1.5)],
    ids=["one missing", "the last but one missing", "two decimals", "too near to tell",
         "0, 0.25, 0.75 without one", "one missing of narrow ones", "one place off"],
)  # fmt: skip
def test_other_uneven_places_stay_refused(tmp_path, places):
    change = by_slice(0x00200032, "DS", *(f"0\\0\\{z}" for z in places))
    refused(write_series(tmp_path, change, slices=len(places)), "missing or unevenly spaced")


def test_rounded_axes_are_of_unit_length_and_no_tilted_gantry(tmp_path):
    # a turn of one degree; the tag's numbers make axes of the length 0.99995
    write_series(tmp_path, put(0x00200037, "DS", "0.9998\\0.0175\\0\\-0.0175\\0.9998\\0"))
    image = read_image(tmp_path)
    assert image.notes == ("DICOM series of 4 slices, 2.5 mm apart",)
    np.testing.assert_allclose(image.grid.spacing_mm, (0.5, 0.75, 2.5), rtol=1e-12)


def test_a_missing_photometric_interpretation_is_a_tag_to_mend_and_no_picture(tmp_path):
    said = refused(write_series(tmp_path, put(0x00280004, "CS", "")), "PhotometricInterpretation")
    assert "MONOCHROME1 or MONOCHROME2; mend the tag" in said
