"""Folders are searched for cases."""

import os
import shutil

import pytest

from segscope.convert import convert, layout_names, pairs_layout, read_layout
from segscope.convert.scan import look_into
from segscope.errors import InputError
from tests.convert.trees import TREES, colours, picture, square


@pytest.mark.parametrize("name", layout_names())
def test_a_layout_does_not_pass_over_a_missing_mask_or_a_stray_file(tmp_path, name):
    TREES[name](tmp_path / "source")
    (tmp_path / "source" / "stray.bin").write_bytes(b"x")
    (tmp_path / "source" / "stray.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"2 files belong to no case: stray\.bin"):
        convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    for file in (tmp_path / "source").glob("stray*"):
        file.unlink()
    words = ("seg", "mask", "label", "gt", "Segm", "Annotation", "wmh", "msk", "dseg", "OT", ".ics")
    folders = ("labelsTr", "labels", "masks", "segmentations", "Lung_and_Infection_Mask", "SEG",
               "RTSTRUCT")  # fmt: skip
    masks = [
        f
        for f in sorted((tmp_path / "source").rglob("*"))
        if f.is_file()
        and not f.name.startswith("._")
        and (any(w in f.name for w in words) or f.parent.name in folders)
    ]
    if name.startswith("amos"):  # the tree has the volumes of both kinds
        masks = [f for f in masks if (int(f.name[5:9]) > 500) == name.endswith("mr")]
    for file in masks[: 2 if name == "totalsegmentator" else 1]:
        file.unlink()
    if name.startswith("cbis"):
        shutil.rmtree(next((tmp_path / "source" / "CBIS-DDSM").glob("*_CC_1")))
    if name.startswith("chaos"):
        shutil.rmtree(next((tmp_path / "source").rglob("Ground")))
    said = "has 1 masks, and 2 rows" if name.startswith("cbis") else "has no label"
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    assert not (tmp_path / "out").exists()


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


def test_folders_of_pairs(tmp_path):
    pairs(tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))
    assert done.channels == ("R", "G", "B")
    assert done.labels == {"background": 0, "foreground": 1}
    grey = tmp_path / "grey"
    pairs(grey, grey=True)
    assert convert(grey, tmp_path / "out2", pairs_layout("images", "masks", {})).channels == (
        "image",
    )


def test_two_files_of_one_name_are_no_case(tmp_path):
    pairs(tmp_path / "source")
    picture(tmp_path / "source" / "images" / "p0.jpg", colours(0))
    with pytest.raises(InputError, match=r"would be case p0, as images/p0\.jpg is"):
        convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))


def test_folders_that_may_not_be_listed_are_faults_where_all_is_asked_for(tmp_path, monkeypatch):
    pairs(tmp_path / "source")
    real = os.scandir

    def refuses(folder):
        if str(folder).rstrip("/").endswith("masks"):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuses)
    with pytest.raises(InputError, match=r"masks: may not be read; check its permissions"):
        look_into(tmp_path / "source")
    assert len(look_into(tmp_path / "source", most=100).files) == 3


def test_links_to_folders_are_not_followed_in_circles(tmp_path):
    pairs(tmp_path / "source")
    (tmp_path / "source" / "images" / "up").symlink_to(tmp_path / "source")
    assert "images/up/" in look_into(tmp_path / "source").folders
    assert len(look_into(tmp_path / "source").files) == 6
