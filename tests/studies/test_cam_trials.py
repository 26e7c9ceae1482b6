"""Trials are named by what decides them; regions by the images and how they are cut."""

import json
from dataclasses import replace

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.studies.cam_trials import (
    CamTrial,
    cut_regions,
    read_trial,
    write_trials,
)
from segscope.training.classify_recipe import classify_recipe
from segscope.workflows.rois import RoiOptions
from tests.studies.cam_results import draw
from tests.training.test_classify import write_classes

RECIPE = classify_recipe({"network": "test_resnet"})
TRIAL = CamTrial("test_resnet", draw("d0"), "rois/x", RECIPE, {"train": {"epochs": 2}})


def test_whatever_decides_the_result_is_in_the_folders_name(tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"one")
    given = RECIPE.model_copy(update={"weights": str(weights)})
    others = [
        replace(TRIAL, draw=draw("d1")),
        replace(TRIAL, regions="rois/y"),
        replace(TRIAL, recipe=RECIPE.model_copy(update={"epochs": 3})),
        replace(TRIAL, recipe=given),
        replace(TRIAL, unet={}),
    ]
    keys = [trial.place.rsplit("_", 1)[1] for trial in (TRIAL, *others)]
    assert len(set(keys)) == len(keys)
    weights.write_bytes(b"two")  # other weights under the same name
    assert others[3].place.rsplit("_", 1)[1] not in keys


def test_a_trial_is_read_as_it_was_written_and_never_written_over(tmp_path):
    alone = replace(TRIAL, arm="true masks", recipe=None)
    write_trials(tmp_path, {"dataset": "d"}, [TRIAL, alone])
    assert read_trial(tmp_path / TRIAL.place) == TRIAL
    assert read_trial(tmp_path / alone.place) == alone
    file = tmp_path / TRIAL.place / "trial.json"
    before = file.stat().st_mtime_ns
    write_trials(tmp_path, {"dataset": "d"}, [TRIAL])
    assert file.stat().st_mtime_ns == before
    assert len(json.loads((tmp_path / "trials.json").read_text())["trials"]) == 1
    file.write_text(file.read_text().replace('"seed": 0', '"seed": "x"'))
    with pytest.raises(InputError, match="no trial of this version"):
        read_trial(tmp_path / TRIAL.place)


def test_regions_are_cut_once_for_the_same_images_and_options(tmp_path):
    dataset = write_classes(tmp_path / "data", subjects=6, each=1)
    place = cut_regions(dataset, tmp_path, RoiOptions())
    facts = json.loads((tmp_path / place / "regions.json").read_text())
    assert facts["counts"]["abnormal"] == len(facts["whole"]) == len(facts["centred"]) == 3
    stamp = (tmp_path / place / "regions.json").stat().st_mtime_ns
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    moved = open_dataset(tmp_path / "elsewhere")
    assert cut_regions(moved, tmp_path, RoiOptions()) == place
    assert (tmp_path / place / "regions.json").stat().st_mtime_ns == stamp
    assert cut_regions(moved, tmp_path, RoiOptions(seed=1)) != place
