"""What a training learns at its end: order of few cases, a predictor of more, within its time."""

import math
import time

import pytest

from segscope.data import Cache, open_dataset
from segscope.inference.run_files import read_manifest
from segscope.training import Budget
from segscope.trust.quality_file import QUALITY, read_quality
from segscope.workflows.predict import PredictOptions, predict
from segscope.workflows.train import TrainOptions, train
from segscope.workflows.train_quality import make_quality, quality_in_time
from tests.synthetic import write_plane_dataset

TINY = {"network.widths": [2, 4], "train.epochs": 1, "train.steps_per_epoch": 2,
        "train.batch_size": 2}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    data = write_plane_dataset(folder / "data", cases=20, shape=(16, 16))
    said = []
    train(data, folder / "run", TrainOptions(settings=TINY, folds=2, device="cpu"), say=said.append)
    return folder, said


def test_a_training_ends_with_a_predictor(place):
    folder, said = place
    found = read_quality(folder / "run")
    assert (found.cases["clean"], found.cases["damaged"]) == (10, 40)
    assert list(found.predictors) == ["fast", "standard"]
    assert "--calibrate DATASET does" in found.why["thorough"]
    assert QUALITY in read_manifest(folder / "run")["files"]
    assert any(line.startswith("standard: predicted Dice (isotonic) is off by") for line in said)
    assert said[-1].startswith("quality.json took ")


def test_predict_uses_it(place):
    folder, _ = place
    done = predict(folder / "run", folder / "data", folder / "out", PredictOptions(device="cpu"))
    for facts in done.facts.values():
        assert facts["scores"].keys() >= {"sdc", "shape", "shift", "scale"}
        if facts["reasons"] != ["nothing was predicted"]:
            assert facts["predicted_dice"] is not None or facts["unlike_training"]


def test_of_few_validation_cases_only_the_order_is_kept(tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=4, shape=(16, 16))
    said = []
    options = TrainOptions(settings=TINY, folds=4, device="cpu")
    train(data, tmp_path / "run", options, say=said.append)
    found = read_quality(tmp_path / "run")
    assert found.cases == {"clean": 1, "damaged": 0, "subjects": 1}
    assert any("1 subjects with a known Dice did not train" in line for line in said)


@pytest.mark.parametrize("left", [0.5, 1.3], ids=["none", "too little"])
def test_without_time_it_is_left_out_and_said(place, tmp_path, left):
    folder, _ = place
    said, before = [], (folder / "run" / QUALITY).read_bytes()
    budget = Budget(limit_s=100.0, started=time.monotonic() - 99 + left, say=said.append)
    dataset = open_dataset(folder / "data")
    quality_in_time(folder / "run", dataset, budget, device="cpu", store=Cache(tmp_path))
    assert said[0].startswith("quality.json left out: max_minutes has no time for it")
    assert (folder / "run" / QUALITY).read_bytes() == before


def test_thorough_measures_mirrored_copies(place, tmp_path):
    folder, _ = place
    dataset = open_dataset(folder / "data")
    found = make_quality(
        folder / "run", dataset, device="cpu", store=Cache(tmp_path), mode="thorough"
    )
    assert list(found.predictors) == ["fast", "standard", "thorough"]
    measured = found.predictors["thorough"]["mean"].measured
    assert math.isfinite(measured["mean_absolute_error"])
