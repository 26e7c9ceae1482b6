"""What a folder's manifest says of its predictions."""

import json

import pytest

from segscope.data.predictions import Predictions, read_predictions

LABELS = {"background": 0, "liver": 1}


def manifest(folder, cases, **more):
    made = {
        case: {"inputs": [], "outputs": {f"{case}.png": "x"}, "made_by": {"weights_sha256": model}}
        for case, model in cases.items()
    }
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "cases": made, **more}))


def test_files_and_labels_are_read(tmp_path):
    manifest(tmp_path, {"a": "m", "b": "m"}, labels={"m": LABELS, "older": {"x": 1}})
    found = read_predictions(tmp_path)
    assert (found.files["b"], found.labels) == (("b.png",), LABELS)


def test_models_that_name_labels_alike_agree_and_others_do_not(tmp_path):
    manifest(tmp_path, {"a": "m", "b": "n"}, labels={"m": LABELS, "n": LABELS})
    assert read_predictions(tmp_path).labels == LABELS
    manifest(tmp_path, {"a": "m", "b": "n"}, labels={"m": LABELS, "n": {"spleen": 1}})
    assert read_predictions(tmp_path).labels is None
    manifest(tmp_path, {"a": "m"})  # of an older version
    assert read_predictions(tmp_path).labels is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"cases": []}',
        '{"cases": {"a": 1}}',
        '{"cases": {"a": {"outputs": 3}}}',
        "[" * 9999,
    ],
    ids=["empty", "list", "no_cases", "number", "outputs", "deep"],
)
def test_what_is_no_manifest_of_predictions_says_nothing(tmp_path, text):
    assert read_predictions(tmp_path) == Predictions()
    (tmp_path / "manifest.json").write_text(text)
    assert read_predictions(tmp_path) == Predictions()


def test_labels_of_another_kind_are_not_taken(tmp_path):
    manifest(tmp_path, {"a": "m"}, labels={"m": {"liver": True}})
    assert read_predictions(tmp_path).labels is None
