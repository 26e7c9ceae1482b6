"""``segscope predict`` and ``segscope prune`` as a person types them."""

import json

import pytest

from segscope.data import open_dataset
from segscope.inference import save_model
from tests.commands import call_flat as call
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset


@pytest.fixture
def place(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=3))
    model = random_model(
        2, name="anunet", widths=(4, 6, 8), patch=(32, 32), ending=".png",
        channels=[{"name": "grey", "scheme": "zscore"}],
    )  # fmt: skip
    spec = model.spec.model_copy(update={"labels": dataset.labels})
    save_model(tmp_path / "run", spec, model.net)
    split = {"dataset": str(tmp_path / "data"), "fold": 0, "folds": 3, "train": ["p0"],
             "val": ["p1", "p2"]}  # fmt: skip
    (tmp_path / "run" / "split.json").write_text(json.dumps(split))
    return tmp_path


def predict(capsys, place, *words, source="data"):
    return call(
        capsys, "predict", place / "run", "-i", place / source, "-o", place / "out", *words
    )  # fmt: skip


def test_a_dataset_is_predicted_once_and_then_reused(capsys, place):
    code, out, _ = predict(capsys, place)
    assert code == 0
    assert out.startswith("3 label maps written to")
    assert "0 to accept, " in out  # nobody has learned what this network's figures mean
    code, out, _ = predict(capsys, place)
    assert (code, "0 label maps" in out, "3 were there already" in out) == (0, True, True)
    code, out, _ = predict(capsys, place, "--overwrite", "--json", "--batch", "2")
    facts = json.loads(out)
    assert facts.pop("peak_memory").endswith(" GiB")
    assert set(facts.pop("files")) == {"statistics", "previews"}
    assert {one["verdict"] for one in facts.pop("facts").values()} <= {"look", "redo"}
    assert facts == {"written": ["p0", "p1", "p2"], "reused": [], "notes": {}}


def test_a_page_is_written_when_asked_for_and_its_place_said(capsys, place):
    code, out, _ = predict(capsys, place, "--report", "--jobs", "2")
    assert (code, str(place / "out" / "report.html") in out) == (0, True)
    assert "disc" in (place / "out" / "report.html").read_text()


def test_a_table_of_another_program_is_refused_before_any_work(capsys, place):
    (place / "out").mkdir()
    (place / "out" / "statistics.csv").write_text("mine")
    code, _, said = predict(capsys, place)
    assert (code, "would be replaced" in said) == (2, True)
    assert not (place / "out" / "p0.png").exists()


def test_other_options_do_not_replace_what_is_there_unasked(capsys, place):
    predict(capsys, place)
    before = (place / "out" / "p0.png").read_bytes()
    for words in (["--level", "L1"], ["--mirror"], ["--overlap", "0.25"], ["--probabilities"]):
        code, _, said = predict(capsys, place, *words)
        assert (code, "--overwrite" in said) == (2, True)
    assert (place / "out" / "p0.png").read_bytes() == before


def test_one_failing_case_ends_with_1_and_is_named(capsys, place):
    (place / "data" / "imagesTr" / "p1_0000.png").write_bytes(b"broken")
    code, _, said = predict(capsys, place)
    assert code == 1
    assert "1 of 3 cases failed: p1: " in said
    assert {f.name for f in (place / "out").iterdir()} == {
        "p0.png", "p2.png", "manifest.json", "quality.csv", "statistics.csv", "previews"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--level", "L3"], "L1 to L2"),
        (["--level", "two"], "expected L1"),
        (["--device", "tpu"], "--device tpu: expected auto"),
        (["--weights", "last"], "there are best"),
    ],
)
def test_unusable_options_end_with_2_before_any_work(capsys, place, words, said):
    code, _, message = predict(capsys, place, *words)
    assert code == 2
    assert said in message
    assert not (place / "out").exists()


def test_missing_channels_are_listed_before_any_work(capsys, place):
    facts = json.loads((place / "run" / "model.json").read_text())
    facts["network"]["in_channels"] = 2
    facts["channel_names"] = ["a", "b"]
    facts["plan"]["channels"] *= 2
    (place / "run" / "model.json").write_text(json.dumps(facts))
    code, _, said = predict(capsys, place)
    assert code == 2
    assert "does not fit the network" in said
    assert "shape (4, 2, 3, 3) expected, (4, 1, 3, 3) found" in said


def test_pruning_prints_its_table_and_makes_a_run_that_predicts_alike(capsys, place):
    words = ["prune", place / "run", "-o", place / "small", "--level", "L1"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("* L1 ")
    assert lines[1].startswith("  L2 ")
    assert (place / "small" / "prune.png").read_bytes()[:4] == b"\x89PNG"
    call(capsys, "predict", place / "small", "-i", place / "data", "-o", place / "a")
    predict(capsys, place, "--level", "L1")
    for name in ("p0.png", "p1.png", "p2.png"):
        assert (place / "a" / name).read_bytes() == (place / "out" / name).read_bytes()
    code, _, said = call(capsys, *words)
    assert (code, "not an empty folder" in said) == (2, True)


def test_pruning_says_when_the_dataset_has_moved(capsys, place):
    (place / "data").rename(place / "moved")
    code, _, said = call(capsys, "prune", place / "run", "-o", place / "small")
    assert (code, "--dataset" in said) == (2, True)
    words = ["prune", place / "run", "-o", place / "small", "-d", place / "moved", "--json"]
    code, out, _ = call(capsys, *words, "--max-dice-loss", "1")
    assert (code, json.loads(out)["kept_level"]) == (0, 1)
