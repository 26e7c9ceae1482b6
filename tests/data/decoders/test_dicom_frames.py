"""Enhanced multi-frame images; data sets with sequences; words of tags in messages."""

import re
import struct
import warnings

import numpy as np
import pytest

from segscope.data import read_image
from segscope.data.decoders.dicom_tags import TAGS
from segscope.errors import InputError
from tests.data.decoders.dicom_made import expected_values, put, refused, write_series
from tests.fuzz_dicom import (
    encode,
    pixels,
    slice_elements,
)


def enhanced(frames=4, per_frame=lambda k: {}, shared=None):
    """One file of frames, in an order that is not their places'."""
    elements = slice_elements(0)
    for tag in (0x00200032, 0x00200037, 0x00280030, 0x00281052, 0x00281053):
        del elements[tag]
    elements[0x00280008] = ("IS", str(frames))
    elements[0x7FE00010] = ("OW", np.stack([pixels(k) for k in range(frames)]))
    elements[0x52009229] = ("SQ", [shared or {
        0x00289110: ("SQ", [{0x00280030: ("DS", "0.75\\0.5")}]),
        0x00209116: ("SQ", [{0x00200037: ("DS", "1\\0\\0\\0\\1\\0")}]),
    }])  # fmt: skip
    elements[0x52009230] = ("SQ", [
        {
            0x00209113: ("SQ", [{0x00200032: ("DS", f"-10\\5.5\\{2.5 * (frames - k)}")}]),
            0x00289145: ("SQ", [{0x00281052: ("DS", "-10"), 0x00281053: ("DS", str(k + 1))}]),
            **per_frame(k),
        }
        for k in range(frames)
    ])  # fmt: skip
    return elements


def test_frames_of_an_enhanced_image_are_slices_at_their_own_places(tmp_path):
    (tmp_path / "a.dcm").write_bytes(encode(enhanced()))
    image = read_image(tmp_path)
    expected = [pixels(k).astype(float).T * (k + 1) - 10 for k in (3, 2, 1, 0)]
    np.testing.assert_allclose(image.array[0], np.stack(expected, axis=-1))
    np.testing.assert_allclose(image.grid.affine[:3, 3], [10, -5.5, 2.5])
    np.testing.assert_allclose(np.diag(image.grid.affine), [-0.5, -0.75, 2.5, 1])
    assert any("RescaleSlope 1 to 4" in note for note in image.notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.update({0x00280008: ("IS", "3")}), "NumberOfFrames is 3, and it describes 4"),
        (lambda e: e.pop(0x52009230), "4 frames that have no places of their own"),
        (lambda e: e.pop(0x52009229), "PixelSpacing|ImageOrientationPatient"),
        (lambda e: e.update({0x7FE00010: ("OW", pixels(0))}), "84 bytes.* say 336 bytes"),
    ],
    ids=["count", "no groups", "nothing shared", "one frame's pixels"],
)
def test_frames_that_do_not_add_up_are_refused(tmp_path, change, said):
    elements = enhanced()
    change(elements)
    (tmp_path / "a.dcm").write_bytes(encode(elements))
    refused(tmp_path, said)


def test_frames_of_two_times_are_refused_by_name(tmp_path):
    def times(k):
        return {
            0x00209113: ("SQ", [{0x00200032: ("DS", f"0\\0\\{k // 2}")}]),
            0x00209111: ("SQ", [{0x00209128: ("UL", k % 2 + 1)}]),
        }

    (tmp_path / "a.dcm").write_bytes(encode(enhanced(per_frame=times)))
    refused(tmp_path, r"differ in TemporalPositionIndex \(1, 2\)")


def test_no_warning_of_a_library_reaches_the_user(tmp_path):
    write_series(tmp_path, put(0x00080005, "CS", "ISO_NOT_THERE"))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        read_image(tmp_path)
    assert heard == []


def test_sequences_without_a_length_are_passed_over(tmp_path):
    def item(body):
        return struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + body + ITEM_END

    ends = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    inner = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + item(b"") + ends
    private = struct.pack("<HH2sHI", 0x0029, 0x1010, b"SQ", 0, 0xFFFFFFFF) + item(inner) + ends
    unknown = struct.pack("<HH2sHI", 0x0029, 0x1011, b"UN", 0, 0xFFFFFFFF)
    unknown += item(struct.pack("<HHI2s", 0x0008, 0x0060, 2, b"MR")) + ends
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        at = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
        file.write_bytes(data[:at] + private + unknown + data[at:])
    image = read_image(tmp_path)
    np.testing.assert_array_equal(image.array[0], expected_values())
    assert image.modality == "CT"


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)


def test_no_message_repeats_text_of_a_tag(tmp_path):
    for number, (tag, field) in enumerate(sorted(TAGS.items())):
        if field[1] in ("SQ", "OW", "OF", "OD"):
            continue
        for only in (None, 1):
            folder = tmp_path / f"{number}{only}"
            folder.mkdir()
            write_series(folder, put(field[0], "LO", "Meier^Anna", only=only))
            try:
                said = " ".join(read_image(folder).notes)
            except InputError as error:
                said = str(error)
            if tag != "PhotometricInterpretation":
                assert not re.search("meier", said, re.IGNORECASE), tag


@pytest.mark.parametrize("number", [0x20050010 | 0x0F, 0x00880200], ids=["vendor's", "icon"])
def test_what_is_said_inside_of_a_vendors_sequence_or_an_icon_is_not_the_frames(tmp_path, number):
    inside = {
        0x00180081: "DS", 0x00280004: "CS", 0x00280010: "US", 0x00280101: "US", 0x00280103: "US",
    }  # fmt: skip
    values = {"DS": lambda k: str(k), "CS": lambda k: "MONOCHROME1", "US": lambda k: 1}

    def per_frame(k):
        return {number: ("SQ", [{tag: (vr, values[vr](k)) for tag, vr in inside.items()}])}

    for name, change in (("plain", lambda k: {}), ("more", per_frame)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.dcm").write_bytes(encode(enhanced(per_frame=change)))
    plain, more = read_image(tmp_path / "plain"), read_image(tmp_path / "more")
    np.testing.assert_array_equal(more.array, plain.array)
    assert more.notes == plain.notes
