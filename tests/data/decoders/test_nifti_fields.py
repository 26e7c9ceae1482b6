"""Fields of NIfTI headers: every one has its fate."""

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image
from segscope.data.decoders.nifti_fields import FIELDS, NIFTI1, NIFTI2
from tests.data.decoders.nifti_made import made

VERSIONS = [(NIFTI1, nib.Nifti1Header), (NIFTI2, nib.Nifti2Header)]


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
