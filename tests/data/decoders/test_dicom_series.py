"""Slices of a DICOM series belong together and lie in even steps."""

import numpy as np
import pytest
from pydicom.datadict import DicomDictionary

from segscope.data import read_image
from tests.data.decoders.dicom_made import expected_values, put, refused, write_series

ECHO, ECHO_NUMBER = 0x00180081, 0x00180086


def by_slice(tag, vr, *values):
    def change(k, elements):
        elements[tag] = (vr, values[k])

    return change


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
    ("numbers", "said"),
    [("1235", "InstanceNumber has gaps, though the positions are even"),
     ("3456", "InstanceNumber begins at 3"), ("1357", None), ("4321", None)],
    ids=["gap", "late", "every other", "backwards"],
)  # fmt: skip
def test_instance_numbers_are_compared_with_the_places(tmp_path, numbers, said):
    notes = read_image(write_series(tmp_path, by_slice(0x00200013, "IS", *numbers))).notes
    assert notes[1:] == (() if said is None else (said,))


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
