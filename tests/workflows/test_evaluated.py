"""Names and subjects that lie beside predictions and truth."""

import json

import pytest

from segscope.metrics import Summary
from segscope.workflows.evaluated import describe_folders, named

DESCRIBED = {"channel_names": {"0": "T1"}, "labels": {"background": 0, "ball": 1},
             "numTraining": 2, "file_ending": ".png"}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    for name in ("labelsTr", "predicted"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps(DESCRIBED))
    (tmp_path / "cases.csv").write_text("case,subject\na,x\nb,x\n")
    return tmp_path


def describe(place):
    return describe_folders(place / "predicted", place / "labelsTr")


def test_the_truths_dataset_names_labels_and_subjects(place):
    found = describe(place)
    assert found.labels == DESCRIBED["labels"]
    assert found.subjects == {"a": "x", "b": "x"}


def test_the_predictions_manifest_comes_first(place):
    made = {"inputs": [], "outputs": {"a.png": ""}, "made_by": {"weights_sha256": "m"}}
    facts = {"format": 1, "labels": {"m": {"background": 0, "sphere": 1}}, "cases": {"a": made}}
    (place / "predicted" / "manifest.json").write_text(json.dumps(facts))
    assert describe(place).labels == {"background": 0, "sphere": 1}
    one = describe_folders(place / "predicted" / "a.png", place / "labelsTr" / "a.png")
    assert one.labels == {"background": 0, "sphere": 1}


@pytest.mark.parametrize("text", ["{", '{"labels": {"ball": "x"}}'], ids=["cut", "wrong"])
def test_a_description_that_is_not_whole_names_nothing(place, text):
    (place / "dataset.json").write_text(text)
    assert describe(place).labels == {}


def test_folders_that_say_nothing_are_taken_as_they_are(place):
    (place / "dataset.json").unlink()
    found = describe(place)
    assert (found.labels, found.subjects) == ({}, {})


def summary(*labels):
    return Summary(tuple({"case": "a", "label": one, "value": 1} for one in labels), (), (), {})


def test_labels_that_are_numbers_get_their_names_and_others_keep_theirs():
    found = named(summary("1", "7"), {"background": 0, "ball": 1})
    assert [row["label"] for row in found.rows] == ["ball", "7"]


@pytest.mark.parametrize("labels", [{"a": 1, "b": 1}, {"2": 1, "1": 3}], ids=["two", "number"])
def test_names_that_would_be_mixed_up_are_not_given(labels):
    found = named(summary("1", "2"), labels)
    assert [row["label"] for row in found.rows] == ["1", "2"]
