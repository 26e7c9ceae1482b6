"""Classifiers are trained and classify."""

import json

import pytest

from segscope.workflows.classify import (
    ClassifyOptions,
    TrainClassifierOptions,
    classify,
    train_classifier,
)
from tests.training.test_classify import write_classes


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write_classes(folder / "data", subjects=6)
    options = TrainClassifierOptions(
        model="test_resnet", size=32, settings={"epochs": 1, "batch_size": 4}
    )
    return folder, train_classifier(folder / "data", folder / "run", options)


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
