"""DICOM series: what belongs together, where slices lie, what is said."""

import numpy as np
import pytest

from segscope.data import read_image
from tests.data.decoders.dicom_made import expected_values, put, refused, write_series
from tests.fuzz_dicom import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    compare,
    mutations,
)


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


def test_in_ct_no_rescale_type_is_hounsfield_units(tmp_path):
    write_series(tmp_path, put(0x00281054, "LO", "HU", only=2))
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


def test_a_part_of_a_concatenation_is_refused(tmp_path):
    write_series(tmp_path, put(0x00209163, "US", 6))
    refused(tmp_path, "4 of 6 parts of a concatenation")


def test_one_change_in_a_series_is_never_silently_wrong(tmp_path):
    faults = []
    for number, (name, write) in enumerate(mutations(2, 300)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder)
        if fault := compare(folder):
            faults.append((name, fault))
    assert faults == []


def test_a_missing_photometric_interpretation_is_a_tag_to_mend_and_no_picture(tmp_path):
    said = refused(write_series(tmp_path, put(0x00280004, "CS", "")), "PhotometricInterpretation")
    assert "MONOCHROME1 or MONOCHROME2; mend the tag" in said
