"""Predictions are scored as two files that are counted by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from segscope.errors import InputError
from segscope.workflows.evaluate import EvaluateOptions, evaluate


@pytest.fixture
def place(tmp_path):
    truth, found = np.zeros((2, 4, 5), np.uint8)
    truth[0, :4] = 1
    found[0, 2:] = 1
    for name, array in (("truth", truth), ("found", found)):
        (tmp_path / name).mkdir()
        Image.fromarray(array).save(tmp_path / name / "a.png")
    return tmp_path


def test_scores_are_returned_and_written(place):
    summary = evaluate(place / "found", place / "truth", place / "out")
    (row,) = summary.rows
    # 2 pixels of both, 1 of the prediction alone, 2 of the truth alone
    assert row["dice"] == pytest.approx(4 / 7)
    assert (row["precision"], row["recall"]) == (pytest.approx(2 / 3), 0.5)
    facts = json.loads((place / "out" / "summary.json").read_text())
    assert facts["mean"]["1"]["Dice"] == pytest.approx(4 / 7)
    assert (place / "out" / "metrics.csv").read_text().startswith("case,")


def test_labels_have_the_names_and_values_of_a_dataset(place):
    labels = {"background": 0, "spot": 1}
    described = {"channel_names": {"0": "grey"}, "labels": labels, "numTraining": 1,
                 "file_ending": ".png"}  # fmt: skip
    (place / "dataset.json").write_text(json.dumps(described))
    options = EvaluateOptions(labels=place / "dataset.json")
    summary = evaluate(place / "found", place / "truth", place / "out", options)
    assert list(summary.by_label) == ["spot"]
    labels["spot"] = 2
    (place / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="1"):
        evaluate(place / "found", place / "truth", place / "other", options)
    assert not (place / "other").exists()


@pytest.mark.parametrize(("labels", "words"), [("none", "no such folder or file"),
                                               ("found/a.png", "is no dataset.json")])  # fmt: skip
def test_what_names_no_labels_is_refused(place, labels, words):
    with pytest.raises(InputError, match=words):
        evaluate(place / "found", place / "truth", place / "out",
                 EvaluateOptions(labels=place / labels))  # fmt: skip


def test_a_file_is_no_folder_for_results(place):
    with pytest.raises(InputError, match="is a file; name a folder for the results"):
        evaluate(place / "found", place / "truth", place / "truth" / "a.png")
