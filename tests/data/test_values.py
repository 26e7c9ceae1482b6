"""The values behind the door: what 32-bit numbers and labels can hold, and what is said of it."""

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import ReadOptions, read_image, read_label
from segscope.data.decoders.decoded import Decoded
from segscope.data.formats import FORMATS, Format
from segscope.errors import InputError
from tests.corpus import write_dataset


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read an array that a decoder returned, with an affine."""
    path = tmp_path / "a.nii"
    path.write_bytes(b"x")

    def door(array, affine=None, reader=read_image, **options):
        found = Decoded(np.asarray(array), np.eye(4) if affine is None else affine)
        monkeypatch.setitem(FORMATS, ".nii", Format(lambda *_, **__: found, None, 3))
        return reader(path, **options)

    return door


def volume(*values, kind=np.float64):
    return np.resize(np.array(values, kind), (1, 2, 2, 3))


LARGEST = float(np.finfo(np.float32).max)


@pytest.mark.parametrize("value", [1e39, -1e39, 1.7e308])
def test_numbers_beyond_32_bits_are_counted_and_refused(read, value):
    with pytest.raises(InputError, match=r"a\.nii: 6 voxels are larger than 32-bit") as caught:
        read(volume(0.0, value))
    assert "divide its values" in str(caught.value)
    assert read(volume(0.0, LARGEST)).array.max() == LARGEST


def test_numbers_that_all_vanish_in_32_bits_are_refused(read):
    with pytest.raises(InputError, match="smaller than 32-bit"):
        read(volume(0.0, 1e-44))
    assert read(volume(0.0)).notes == ()
    assert read(volume(1e-44, 1.0)).notes == ()


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (np.int64, 2**24, False), (np.int64, 2**24 + 1, True), (np.int64, -(2**53), True),
        (np.uint64, 2**64 - 1, True), (np.int32, 2**31 - 1, True), (np.uint16, 65535, False),
    ],
    ids=["24 bits", "25 bits", "below 0", "64 bits", "32 bits", "16 bits"],
)  # fmt: skip
def test_whole_numbers_of_more_than_24_bits_are_said(read, kind, value, said):
    notes = read(volume(0, value, kind=kind)).notes
    assert any("rounded to 24 bits" in note for note in notes) == said


@pytest.mark.parametrize("kind", [complex, object, "U3", "M8[s]"])
def test_what_is_no_number_is_refused(read, kind):
    with pytest.raises(InputError, match="plain numbers are expected"):
        read(np.zeros((1, 2, 2, 2), kind))
    with pytest.raises(InputError, match="plain numbers are expected"):
        read(np.zeros((1, 2, 2, 2), kind), reader=read_label)


def test_no_voxel_is_no_image(read):
    for reader in (read_image, read_label):
        with pytest.raises(InputError, match="0 voxels"):
            read(np.zeros((1, 0, 2, 2)), reader=reader)


def test_bits_are_the_numbers_0_and_1(read):
    bits = volume(True, False, kind=bool)
    assert read(bits).array.dtype == np.uint8
    label = read(bits, reader=read_label)
    assert label.array.dtype == np.uint8
    np.testing.assert_array_equal(label.array, bits[0])


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (volume(-0.0, 1.0), [0, 1]),
        (volume(-0.0005, 2.0), [0, 2]),
        (volume(0, 255, kind=np.uint64), [0, 255]),
        (volume(0, 65535, kind=np.int64), [0, 65535]),
        (volume(0, 3, kind=np.float16), [0, 3]),
    ],
    ids=["negative zero", "within rounding", "64 bits", "the highest", "16-bit floats"],
)
def test_labels_of_every_type_are_read_as_they_are(read, array, expected):
    assert np.unique(read(array, reader=read_label).array).tolist() == expected


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (volume(0, 2**64 - 1, kind=np.uint64), "labels up to 1.84467e"),
        (volume(0, -(2**63), kind=np.int64), "negative labels"),
        (volume(0.0, 1e300), "labels up to 1e"),
        (volume(0, 65536, kind=np.int32), "labels up to 65536"),
        (volume(0.0, 1.002), "not whole"),
    ],
    ids=["64 bits", "far below 0", "1e300", "one too high", "a fraction"],
)
def test_labels_that_cannot_be_are_refused(read, array, words):
    with pytest.raises(InputError, match=words):
        read(array, reader=read_label)


@pytest.mark.parametrize(
    ("spacing", "words"),
    [((1e30, 1, 1), "its spacing"), ((1e9, 1, 1), "its spacing"), ((1e-12, 1, 1), "its spacing")],
)
def test_spacings_that_no_image_has_are_refused(read, spacing, words):
    with pytest.raises(InputError, match=words):
        read(volume(1.0), affine=np.diag([*spacing, 1.0]))
    read(volume(1.0), affine=np.diag([1e-6, 1e-6, 1e5, 1.0]))


def test_an_origin_so_far_away_that_voxels_are_one_place_is_refused(read):
    far, near = np.eye(4), np.eye(4)
    far[0, 3], near[0, 3] = 1e16, 1e6
    with pytest.raises(InputError, match="too far away"):
        read(volume(1.0), affine=far)
    read(volume(1.0), affine=near)


def test_a_replacement_that_the_file_cannot_hold_is_refused(read):
    array = volume(np.nan, 1.0, kind=np.float16)
    with pytest.raises(InputError, match="float16 cannot hold 1e\\+06"):
        read(array, reading=ReadOptions(replace_nonfinite=1e6))
    assert read(array, reading=ReadOptions(replace_nonfinite=5.0)).array.max() == 5
    with pytest.raises(InputError, match="not finite itself"):
        ReadOptions(replace_nonfinite=1e39)


@pytest.mark.parametrize("mapping", [{-1: 1}, {1: -1}, {70000: 1}, {1.0: 1}, {True: 1}, {"1": 1}])
def test_a_mapping_has_labels_on_both_sides(mapping):
    with pytest.raises(InputError, match="no pair of labels"):
        ReadOptions(label_mapping=mapping)


@pytest.mark.parametrize("ending", [".hdr", ".img", ".mhd", ".raw", ".nhdr", ".dcm", ".mgz"])
def test_kinds_of_files_that_are_half_of_one_say_what_to_do(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"x")
    words = r"one \.nii\.gz|one \.mha|one \.nrrd|convert it to \.nii\.gz|name the folder"
    with pytest.raises(InputError, match=f"unknown kind of file; .*({words})"):
        read_image(path)


def test_training_on_a_value_beyond_32_bits_names_the_file(tmp_path, capsys):
    folder = write_dataset(tmp_path / "data", ".nii.gz", cases=4)
    file = folder / "imagesTr" / "c2_0000.nii.gz"
    image = nib.load(file)
    array = np.asarray(image.dataobj, np.float64)
    array[0, 0, 0] = 1e39
    nib.save(nib.Nifti1Image(array, image.affine), file)
    with pytest.raises(SystemExit) as ended:
        main(["train", str(folder), "-o", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"{file}: 1 voxels are larger than 32-bit numbers can be (up to 1e+39)" in said
