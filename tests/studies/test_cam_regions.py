"""Regions are named by the images and how they are cut, and found again for a page."""

import json

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.experiments import Arm, make_experiment, write_experiment
from segscope.studies.cam_regions import cut_regions, known_of, regions_again
from segscope.workflows.rois import RoiOptions
from tests.studies.cam_results import draw
from tests.training.test_classify import write_classes


def test_regions_are_cut_once_for_the_same_images_and_options(tmp_path):
    dataset = write_classes(tmp_path / "data", subjects=6, each=1)
    rois = cut_regions(dataset, tmp_path, RoiOptions())
    facts = known_of(rois)
    assert facts["counts"]["abnormal"] == len(facts["whole"]) == len(facts["centred"]) == 3
    stamp = (rois.folder / "regions.json").stat().st_mtime_ns
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    moved = open_dataset(tmp_path / "elsewhere")
    assert cut_regions(moved, tmp_path, RoiOptions()).folder == rois.folder
    assert (rois.folder / "regions.json").stat().st_mtime_ns == stamp
    assert cut_regions(moved, tmp_path, RoiOptions(seed=1)).folder != rois.folder


def test_a_page_finds_the_regions_of_its_study_alone(tmp_path):
    dataset = write_classes(tmp_path / "data", subjects=6, each=1)
    with pytest.raises(InputError, match=r"holds no experiment\.yaml"):
        regions_again(dataset, tmp_path)
    cut_regions(dataset, tmp_path, RoiOptions(seed=1))
    rois = cut_regions(dataset, tmp_path, RoiOptions())
    arm = Arm(name="a", kind="work", work="segscope.studies.cam_trials:classify")
    write_experiment(make_experiment(rois, [arm], [draw("d0")]), tmp_path)
    assert regions_again(dataset, tmp_path).folder == rois.folder
    other = write_classes(tmp_path / "other", subjects=8, each=1)
    with pytest.raises(InputError, match="is not the dataset of"):
        regions_again(other, tmp_path)
    (rois.folder / "regions.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(InputError, match=r"regions\.json: does not say source"):
        regions_again(dataset, tmp_path)
    rois.folder.rename(tmp_path / "away")
    with pytest.raises(InputError, match="the regions are gone"):
        regions_again(dataset, tmp_path)
