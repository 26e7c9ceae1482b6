"""A network planned and trained on one split: its plan, its scores."""

import json

import pytest
from safetensors.torch import load_file

from segscope.data import Split, read_label
from segscope.experiments.split_training import score_run, train_split
from tests.training.test_classify import write_classes

TINY = {"network": {"widths": [4, 6]}, "patch": [16, 16],
        "train": {"epochs": 1, "steps_per_epoch": 1, "seed": 3}}  # fmt: skip


def test_tested_images_plan_nothing_and_are_scored_with_their_masks(tmp_path):
    rois = write_classes(tmp_path / "rois", subjects=4, each=1)
    names = [case.name for case in rois.training]  # normal, abnormal, normal, abnormal
    run = tmp_path / "run"
    train_split(rois, run, Split(tuple(names[:2]), (names[2],)), TINY)
    facts = json.loads((run / "fingerprint.json").read_text())
    assert len(facts["images"]) == 3
    assert "seed: 3" in (run / "recipe.yaml").read_text()
    case = rois.training[3]
    found = score_run(run, rois, [case], tmp_path / "predicted")
    predicted = read_label(tmp_path / "predicted" / f"{case.name}.png").array > 0
    truth = read_label(case.label_file).array > 0
    total = predicted.sum() + truth.sum()
    (row,) = found["rows"]
    assert row["case"] == case.name
    assert row["scores"]["dice"] == pytest.approx(2 * (predicted & truth).sum() / total)
    weights = load_file(run / "weights_last.safetensors").values()
    assert found["parameters"] == sum(value.numel() for value in weights)
    log = (run / "log.csv").read_text()
    train_split(rois, run, Split((names[3],), (names[2],)), {})  # goes on as it was begun
    assert (run / "log.csv").read_text() == log
