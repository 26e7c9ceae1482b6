"""Single DICOM planes as grey pictures."""

import numpy as np
import pydicom
import pytest

from segscope.convert.pictures import read_mask, read_picture
from segscope.errors import InputError
from tests.convert.dicom_trees import picture


def test_a_plane_is_its_grey_levels(tmp_path):
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
    picture(tmp_path / "a.dcm", values)
    found = read_picture(tmp_path / "a.dcm")
    np.testing.assert_array_equal(found.array, values[None])
    assert found.grid.ndim == 2
    np.testing.assert_array_equal(read_mask(tmp_path / "a.dcm").array, values)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("PhotometricInterpretation", "MONOCHROME1", "is MONOCHROME1 of 1 frames"),
     ("NumberOfFrames", 2, "of 2 frames"), ("RescaleSlope", "2", "rescales its values"),
     ("PixelRepresentation", 1, "whole numbers from 0 on")],
    ids=["inverted", "frames", "rescaled", "signed"],
)  # fmt: skip
def test_other_planes_are_refused(tmp_path, key, value, said):
    picture(tmp_path / "a.dcm", np.ones((3, 4), np.uint16))
    one = pydicom.dcmread(tmp_path / "a.dcm")
    setattr(one, key, value)
    one.save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match=said):
        read_picture(tmp_path / "a.dcm")
