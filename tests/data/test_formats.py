"""Endings: which are read, and what is said of those that are known and not read."""

from pathlib import Path

import pytest

from segscope.data import read_image
from segscope.data.formats import FORMATS, NOT_READ, image_ending, unknown_kind
from segscope.errors import InputError


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.nhdr", "one .nrrd file"), ("a.mhd", "one .mha file"), ("a.raw", "one .mha file"),
        ("a.hdr", "one .nii.gz file"), ("a.img.gz", "one .nii.gz file"),
        ("a.GIPL.gz", "convert it to .nii.gz"), ("a.mnc", "convert it to .nii.gz"),
        ("a.nii.zst", "convert it to .nii.gz"), ("a.vtk", "convert it to .nii.gz"),
        ("a.mgz", "convert it to .nii.gz"), ("a.dcm", "the folder of its DICOM series"),
        ("a.webp", "convert it to .png"),
    ],
    ids=lambda word: word.replace(" ", "-"),
)  # fmt: skip
def test_known_endings_that_are_not_read_come_with_a_remedy(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="unknown kind of file") as raised:
        read_image(tmp_path / name)
    assert remedy in str(raised.value)


def test_unknown_endings_come_without_one():
    assert "unknown kind of file; segscope reads" in unknown_kind(Path("a.txt"))


def test_no_ending_is_read_and_not_read():
    assert not set(FORMATS) & set(NOT_READ)
    assert all(image_ending(Path(f"a{ending}")) is None for ending in NOT_READ)
