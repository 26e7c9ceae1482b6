"""Elements of a DICOM file: every byte is accounted for, as pydicom has them."""

import struct

import numpy as np
import pydicom
import pytest

from segscope.data import read_image
from segscope.data.decoders.dicom_elements import file_elements
from tests.data.decoders.dicom_made import expected_values, refused, write_series
from tests.fuzz_dicom import (
    EXPLICIT,
    IMPLICIT,
    SLICES,
    encode,
    slice_elements,
)


def test_implicit_elements_under_an_explicit_name_and_the_other_way_are_read(tmp_path):
    for k in range(SLICES):
        plain = encode(slice_elements(k), EXPLICIT if k % 2 else IMPLICIT)
        said = IMPLICIT if k % 2 else EXPLICIT
        head = encode({}, said)
        (tmp_path / f"{k}.dcm").write_bytes(
            head + plain[len(encode({}, EXPLICIT if k % 2 else IMPLICIT)) :]
        )
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


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
