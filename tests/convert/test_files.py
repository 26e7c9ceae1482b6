"""The files of a conversion: copied, linked, and gone on with."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from segscope.convert import convert, read_layout
from segscope.errors import InputError
from tests.convert.trees import TREES, isic, mask, square


def test_what_nothing_changes_is_the_sources_bytes(tmp_path):
    isic(tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "out", read_layout("isic"))
    made = (tmp_path / "out" / "imagesTr" / "ISIC_0000001_0000.jpg").read_bytes()
    assert made == (tmp_path / "source" / "ISIC_Data" / "ISIC_0000001.jpg").read_bytes()
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "ISIC_0000001.png"))
    assert (label == square(1)).all()


def test_links_share_their_bytes(tmp_path):
    TREES["lits"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("lits"), link=True)
    made = tmp_path / "out" / "imagesTr" / "liver_28_0000.nii"
    assert os.path.samefile(made, tmp_path / "source" / "Training Batch 2" / "volume-28.nii")
    assert done.rewritten == ()


def test_a_conversion_that_was_stopped_goes_on(tmp_path, monkeypatch):
    TREES["lits"](tmp_path / "source")
    from segscope.convert.files import place_images as real

    module = sys.modules["segscope.convert.convert"]
    placed = []

    def stops(case, *rest):
        if placed:
            raise KeyboardInterrupt
        placed.append(case.name)
        return real(case, *rest)

    monkeypatch.setattr(module, "place_images", stops)
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    again = []
    monkeypatch.setattr(
        module, "place_images", lambda case, *rest: again.append(case.name) or real(case, *rest)
    )
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    assert again == ["liver_28"]
    assert done.training == 2
    with pytest.raises(InputError, match="out"):  # a dataset is there now
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))


def test_another_conversion_never_goes_on_with_this_one(tmp_path):
    TREES["lits"](tmp_path / "source")
    mask(tmp_path / "source" / "Training Batch 1" / "segmentation-0.nii", 1, 7)
    with pytest.raises(InputError):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    changed = read_layout("lits", {"labels": {"liver": 1, "tumour": 2, "cyst": 7}})
    with pytest.raises(InputError, match="another conversion was begun here"):
        convert(tmp_path / "source", tmp_path / "out", changed)


def test_many_at_a_time_make_the_same(tmp_path):
    TREES["brats2018"](tmp_path / "source")
    for jobs in (1, 2):
        convert(tmp_path / "source", tmp_path / f"out{jobs}", read_layout("brats2018"), jobs=jobs)
    one, two = (
        {f.relative_to(tmp_path / f"out{k}"): f.read_bytes()
         for f in sorted((tmp_path / f"out{k}").rglob("*Tr/*"))}
        for k in (1, 2)
    )  # fmt: skip
    assert one == two
    assert len(one) == 2 * 5
