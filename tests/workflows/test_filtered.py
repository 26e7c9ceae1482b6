"""Filtered regions by hand."""

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data import open_dataset, read_image
from segscope.errors import InputError
from segscope.workflows.filtered import filter_rois
from tests.training.test_classify import write_classes


@pytest.fixture
def rois(tmp_path):
    return write_classes(tmp_path / "rois", subjects=4, each=1)


def image_of(folder, name):
    return read_image(folder / "imagesTr" / f"{name}_0000.png").array[0]


def test_own_map_scales_every_pixel(tmp_path, rois):
    maps = tmp_path / "maps"
    maps.mkdir()
    levels = np.full((40, 36), 51, np.uint8)  # a fifth
    levels[:20] = 255
    for case in rois.training:
        PillowImage.fromarray(levels).save(maps / f"{case.name}.png")
    filter_rois(rois, tmp_path / "out", "cam", maps=maps)
    for case in rois.training:
        before, after = (image_of(f, case.name) for f in (rois.folder, tmp_path / "out"))
        np.testing.assert_array_equal(after[:20], before[:20])
        np.testing.assert_allclose(after[20:], before[20:] / 5, atol=0.5)
    again = open_dataset(tmp_path / "out")
    assert [c.name for c in again.training] == [c.name for c in rois.training]
    assert [c.group for c in again.training] == [c.group for c in rois.training]
    PillowImage.fromarray(levels[:5]).save(maps / f"{rois.training[0].name}.png")
    with pytest.raises(InputError, match="make the maps again"):
        filter_rois(rois, tmp_path / "other", "cam", maps=maps)


def test_masks_keep_the_lesion_or_all_else_and_normals_borrow_one(tmp_path, rois):
    filter_rois(rois, tmp_path / "t", "truth", seed=3)
    filter_rois(rois, tmp_path / "i", "inverse", seed=3)
    inside = np.zeros((40, 36), bool)
    inside[12:28, 10:26] = True  # every mask here
    for case in rois.training:
        whole = image_of(rois.folder, case.name)
        kept, rest = (image_of(tmp_path / f, case.name) for f in "ti")
        np.testing.assert_array_equal(kept, whole * inside)
        np.testing.assert_array_equal(rest, whole * ~inside)


def test_masks_are_borrowed_within_a_part_only(tmp_path, rois):
    names = [case.name for case in rois.training]  # normal, abnormal, normal, abnormal
    alone = dict.fromkeys(names, "train") | {names[0]: "test"}
    with pytest.raises(InputError, match=f"no mask in the part of {names[0]}"):
        filter_rois(rois, tmp_path / "t", "truth", parts=alone)
