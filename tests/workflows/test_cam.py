"""Class activation maps as a function."""

import json

import pytest

from segscope.data import read_label
from segscope.errors import InputError
from segscope.workflows.cam import CamOptions, cam
from segscope.workflows.classify import (
    ClassifyOptions,
    TrainClassifierOptions,
    classify,
    train_classifier,
)
from segscope.workflows.train import TrainOptions, train
from tests.synthetic import write_plane_dataset
from tests.training.test_classify import write_classes

TINY = {"network.widths": [4, 8], "train.epochs": 1, "train.steps_per_epoch": 2}


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cam")
    data = write_plane_dataset(folder / "data", cases=3, shape=(32, 32))
    train(data, folder / "run", TrainOptions(settings=TINY, folds=3, device="cpu"))
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write_classes(folder / "data", subjects=6)
    options = TrainClassifierOptions(
        model="test_resnet", size=32, settings={"epochs": 1, "batch_size": 4}
    )
    return folder, train_classifier(folder / "data", folder / "run", options)


def test_maps_are_scored_and_said_as_their_file_says(segmenter):
    out = segmenter / "maps"
    found = cam(segmenter / "run", segmenter / "data", out, CamOptions(device="cpu", cases="all"))
    assert [row.case for row in found.rows] == ["p0", "p1", "p2"]
    assert found.to_dict() == json.loads((out / "cam.json").read_text())
    assert read_label(out / "heatmaps" / "p0_disc.png").array.shape == (32, 32)
    with pytest.raises(InputError, match="not an empty folder"):
        cam(segmenter / "run", segmenter / "data", out)


def test_options_of_classifiers_are_refused_for_other_networks(segmenter):
    with pytest.raises(InputError, match="are for classifiers"):
        cam(segmenter / "run", segmenter / "data", segmenter / "new", CamOptions(of="disc"))


def test_a_classifier_is_trained_and_classifies(classifier, tmp_path):
    folder, trained = classifier
    facts = json.loads(json.dumps(trained.to_dict()))
    assert (facts["classes"], facts["epochs"]) == (["normal", "abnormal"], 1)
    kept = json.loads((folder / "run" / "validation.json").read_text())
    assert facts["scores"]["accuracy"]["value"] == kept["scores"]["accuracy"]["value"]
    options = ClassifyOptions(column="class", device="cpu")
    found = classify(folder / "run", folder / "data", tmp_path / "out", options).to_dict()
    right = sum(row["class"] == row["predicted"] for row in found["images"])
    assert found["scores"]["accuracy"]["value"] == pytest.approx(right / 12)
