"""Folders of a dataset: what belongs to it and what does not."""

import os

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


def test_hidden_and_foreign_files_are_ignored_and_said(volumes):
    (volumes / "imagesTr" / "._c0_0000.nii.gz").write_bytes(b"x")
    (volumes / "labelsTr" / ".DS_Store").write_bytes(b"x")
    (volumes / "labelsTr" / "notes.txt").write_bytes(b"x")
    dataset = open_dataset(volumes)
    assert len(dataset.training) == 4
    for words in ("._c0_0000.nii.gz", ".DS_Store", "notes.txt"):
        assert words in warned(dataset)


def test_folders_that_are_left_out_are_said(volumes):
    (volumes / "imagesTr" / "patient7").mkdir()
    assert "folders ignored: patient7" in warned(open_dataset(volumes))


PLACES = {
    "a pipe": (lambda d: os.mkfifo(d / "imagesTr/x_0000.nii.gz"), "is no regular file"),
    "a link to itself": (
        lambda d: (d / "labelsTr/x.nii.gz").symlink_to("x.nii.gz"),
        "x.nii.gz: cannot be opened",
    ),
    "a folder named as a file": (
        lambda d: (d / "imagesTr/x_0000.nii.gz").mkdir(),
        "is a folder, where a file of this name is expected",
    ),
    "a file in place of the folder": (
        lambda d: (d / "imagesTs").write_bytes(b""),
        "imagesTs: is a file, a folder is expected",
    ),
    "a folder that links to itself": (
        lambda d: (d / "imagesTs").symlink_to("imagesTs"),
        "imagesTs: cannot be opened",
    ),
    "no images": (lambda d: (d / "imagesTr").rename(d / "images"), "imagesTr: is missing"),
}


@pytest.mark.parametrize(("make", "words"), PLACES.values(), ids=PLACES)
def test_what_is_no_file_or_folder_is_said(volumes, make, words):
    make(volumes)
    with pytest.raises(InputError) as caught:
        open_dataset(volumes)
    assert words in str(caught.value)


def test_a_folder_that_may_not_be_listed_is_said(volumes, monkeypatch):
    def denied(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    with pytest.raises(InputError) as caught:
        open_dataset(volumes)
    assert "imagesTr: cannot be listed (Permission denied); check its permissions" in str(
        caught.value
    )
