"""Names of files: patterns, capitals, channel numbers."""

import pytest

from segscope.data import (
    open_dataset,
)
from segscope.errors import InputError
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=4, shape=(6, 7, 8))


def warned(dataset):
    return "\n".join(map(str, dataset.warnings))


@pytest.mark.parametrize("name", ["with space", "ünï", "a'b\"c", "<b>", "new\nline", "-x", "=1+1"])
def test_names_may_hold_anything(volumes, name):
    (volumes / "imagesTr" / "c0_0000.nii.gz").rename(volumes / "imagesTr" / f"{name}_0000.nii.gz")
    (volumes / "labelsTr" / "c0.nii.gz").rename(volumes / "labelsTr" / f"{name}.nii.gz")
    assert name in [case.name for case in open_dataset(volumes).training]


def renamed(folder, part, old, new):
    (folder / part / old).rename(folder / part / new)


NAMES = {
    "capitals": (
        ("c0_0000.nii.gz", "c0_0000.NII.GZ"),
        "has the ending .NII.GZ; dataset.json says file_ending .nii.gz; rename it to c0_0000.nii",
    ),
    "three digits": (("c0_0000.nii.gz", "c0_000.nii.gz"), "or c0_0000.nii.gz if 000 is"),
    "five digits": (("c0_0000.nii.gz", "c0_00001.nii.gz"), "or c0_0001.nii.gz if 00001 is"),
    "one digit": (("c0_0000.nii.gz", "c0_0.nii.gz"), "or c0_0000.nii.gz if 0 is"),
    "digits of other scripts": (
        ("c0_0000.nii.gz", "c0_\u0660\u0660\u0660\u0660.nii.gz"),
        "has no channel number",
    ),
    "no name": (("c0_0000.nii.gz", "_0000.nii.gz"), "has no channel number"),
}


@pytest.mark.parametrize(("names", "words"), NAMES.values(), ids=NAMES)
def test_names_that_miss_the_pattern_say_what_is_meant(volumes, names, words):
    renamed(volumes, "imagesTr", *names)
    with pytest.raises(InputError) as caught:
        open_dataset(volumes)
    assert words in str(caught.value)


def test_a_label_with_a_channel_number_is_told_its_name(volumes):
    renamed(volumes, "labelsTr", "c0.nii.gz", "c0_0000.nii.gz")
    with pytest.raises(InputError, match=r"no channel number: name it c0\.nii\.gz"):
        open_dataset(volumes)


def test_names_that_differ_in_capitals_only_are_said(volumes):
    for part, end in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        renamed(volumes, part, f"c1{end}", f"C0{end}")
    assert "names differ in capitals only: C0_0000.nii.gz, c0_0000.nii.gz" in warned(
        open_dataset(volumes)
    )
