"""The steps before the mask study's arms, each alone."""

import json

import numpy as np
import pytest

from segscope.data import open_dataset, read_label
from segscope.experiments import Draw, Task
from segscope.preprocessing import MaskPlan
from segscope.studies.gbm_masks import FILES, PLAN, PRIOR, make_all, train_coarse
from tests.synthetic import write_volume_dataset

DRAW = Draw(name="aside", seed=0, train=("c0",), val=("c1",), test=("c2", "c3"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks") / "data"
    return open_dataset(write_volume_dataset(folder, cases=5, shape=(12, 14, 10)))


def test_masks_of_labels_are_their_union_and_agree_with_it(data, tmp_path):
    task = Task(tmp_path, data, DRAW, {"mask": {"method": "labels", "components": "all"}})
    found = make_all(task)
    assert [(row["case"], row["scores"]["dice"]) for row in found["rows"]] == [
        ("c2", 1.0), ("c3", 1.0)
    ]  # fmt: skip
    for k in range(5):
        mask = read_label(tmp_path / FILES / f"c{k}.nii.gz").array
        truth = read_label(data.folder / "labelsTr" / f"c{k}.nii.gz").array
        np.testing.assert_array_equal(mask, truth > 0)
    assert MaskPlan.model_validate_json((tmp_path / PLAN).read_text()).method == "labels"


def test_masks_come_from_the_coarse_network_whose_own_cases_are_left_out(data, tmp_path):
    coarse, masks = tmp_path / "coarse", tmp_path / "masks"
    recipe = {"network": {"widths": [4, 6]}, "train": {"epochs": 1, "steps_per_epoch": 1}}
    assert train_coarse(Task(coarse, data, DRAW, {"recipe": recipe}))["epochs"] == 1
    model = json.loads((coarse / "run" / "model.json").read_text())
    assert model["labels"] == {"background": 0, "body part": 1}
    fingerprint = json.loads((coarse / "run" / "fingerprint.json").read_text())
    assert fingerprint["cases"] == ["c0", "c1"]  # the tested ones plan nothing
    section = {"method": "network", "run": "after:coarse/run"}
    make_all(Task(masks, data, DRAW, {"mask": section}, {"coarse": coarse}))
    made = sorted(f.name.split(".")[0] for f in (masks / FILES).glob("*.nii.gz"))
    assert made == ["c1", "c2", "c3", "c4"]
    weights = "weights_best.safetensors"
    kept = masks / PRIOR / "coarse" / weights
    assert kept.read_bytes() == (coarse / "run" / weights).read_bytes()
