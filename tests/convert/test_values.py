"""Values of masks become labels."""

import nibabel as nib
import numpy as np
import pytest

from segscope.convert import convert, pairs_layout, read_layout
from segscope.convert.layout import make_layout
from segscope.errors import InputError
from tests.convert.trees import SHAPE, TREES, colours, mask, picture, square, volume


def voxels(file):
    return np.asarray(nib.load(file).dataobj)


def test_values_become_consecutive_in_the_layouts_order(tmp_path):
    TREES["mmwhs"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("mmwhs"))
    label = voxels(tmp_path / "out" / "labelsTr" / "ct_1001.nii.gz")
    # 500 is the first label, 600 the second, and a stray 421 means 420, the third
    assert [int(label[k, 1, 1]) for k in (1, 2, 3)] == [1, 2, 3]
    assert done.labels["pulmonary_artery"] == 7


def test_other_pathology_is_background_and_the_centre_is_kept(tmp_path):
    TREES["wmh2017"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("wmh2017"))
    assert set(np.unique(voxels(tmp_path / "out" / "labelsTr" / "GE3T_100.nii.gz"))) == {0, 1}
    table = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert table == ["case,subject,centre,id", "GE3T_100,GE3T_100,GE3T,100",
                     "Utrecht_0,Utrecht_0,Utrecht,0"]  # fmt: skip
    assert done.subjects == 2


def test_one_mask_per_class_becomes_one_map(tmp_path):
    for name in ("s0001", "s0002"):
        volume(tmp_path / "source" / name / "ct.nii.gz")
        for k, organ in enumerate(("liver", "spleen")):
            array = np.zeros(SHAPE, np.uint8)
            array[k : k + 2, 1, 1] = 1
            volume(tmp_path / "source" / name / "segmentations" / f"{organ}.nii.gz", array)
    layout = make_layout(
        {
            "name": "organs",
            "case": "{case}/ct.nii.gz",
            "channels": {"CT": "{case}/ct.nii.gz"},
            "per_class": {
                organ: f"{{case}}/segmentations/{organ}.nii.gz" for organ in ("liver", "spleen")
            },
        },
        "test",
    )
    done = convert(tmp_path / "source", tmp_path / "out", layout)
    label = voxels(tmp_path / "out" / "labelsTr" / "s0001.nii.gz")
    assert label[:3, 1, 1].tolist() == [1, 2, 2]
    assert any("1 voxels were another class before; spleen is kept" in n for n in done.rewritten)


def test_unknown_values_are_named_with_their_file(tmp_path):
    TREES["lits"](tmp_path / "source")
    mask(tmp_path / "source" / "Training Batch 1" / "segmentation-0.nii", 1, 7)
    with pytest.raises(InputError, match=r"segmentation-0\.nii: holds 7, which no label"):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    assert not (tmp_path / "out" / "dataset.json").exists()


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


def test_masks_of_grey_levels_want_a_threshold(tmp_path):
    pairs(tmp_path / "source")
    noise = np.random.default_rng(0).integers(0, 255, (8, 9))
    picture(tmp_path / "source" / "masks" / "p0_mask.png", noise)
    with pytest.raises(InputError, match=r"--label background=0\.\.127"):
        convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))
