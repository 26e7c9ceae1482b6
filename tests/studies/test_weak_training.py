"""A U-Net that learns from maps: its labels, its plan, its scores."""

import json

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data import Split, read_label
from segscope.studies.weak_training import dice_of_run, label_weakly, train_on
from tests.training.test_classify import write_classes

TINY = {"network": {"widths": [4, 6]}, "patch": [16, 16],
        "train": {"epochs": 1, "steps_per_epoch": 1}}  # fmt: skip


def test_labels_from_maps_are_written_for_abnormal_images_only(tmp_path):
    rois = write_classes(tmp_path / "rois", subjects=4, each=1)
    maps = tmp_path / "maps"
    maps.mkdir()
    name = rois.training[1].name
    levels = np.zeros((40, 36), np.uint8)
    levels[5:9, 5:9] = 200
    PillowImage.fromarray(levels).save(maps / f"{name}.png")
    weak = label_weakly(rois, tmp_path / "weak", maps, {name: 150})
    found = {case.name: read_label(case.label_file).array for case in weak.training}
    assert found[name].sum() == 16
    assert found[name][5:9, 5:9].all()
    assert not any(found[case.name].any() for case in rois.training if case.name != name)


def test_tested_images_plan_nothing_and_are_scored_with_their_masks(tmp_path):
    rois = write_classes(tmp_path / "rois", subjects=4, each=1)
    names = [case.name for case in rois.training]  # normal, abnormal, normal, abnormal
    run = tmp_path / "run"
    train_on(rois, run, Split(tuple(names[:2]), (names[2],)), TINY, seed=3)
    facts = json.loads((run / "fingerprint.json").read_text())
    assert len(facts["images"]) == 3
    assert "seed: 3" in (run / "recipe.yaml").read_text()
    case = rois.training[3]
    found = dice_of_run(run, rois, [case])
    predicted = read_label(run / "test" / f"{case.name}.png").array > 0
    truth = read_label(case.label_file).array > 0
    total = predicted.sum() + truth.sum()
    assert found == {case.name: pytest.approx(2 * (predicted & truth).sum() / total)}
    log = (run / "log.csv").read_text()
    train_on(rois, run, Split((names[3],), (names[2],)), {}, seed=4)  # goes on as it was begun
    assert (run / "log.csv").read_text() == log
