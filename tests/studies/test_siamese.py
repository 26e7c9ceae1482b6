"""The loss study: small but whole, and its statistics."""

import json

import numpy as np
import pytest

from segscope.cli.main import main
from segscope.errors import InputError
from segscope.studies.siamese import LOSSES, METRICS, LossScore, holm, paired_tests, run_study
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = [
    "network.widths=[4,6]", "train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2",
    "preprocessing.resize=[32,32]", "patch=[32,32]",
]  # fmt: skip


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def sets():
    return [word for setting in TINY for word in ("--set", setting)]


def test_every_loss_is_trained_scored_and_shown(tmp_path, capsys):
    data = write_plane_dataset(tmp_path / "data", cases=6)
    other = write_plane_dataset(tmp_path / "other", cases=2, seed=5)
    words = ["study", "siamese", data, "-o", tmp_path / "s", "--phi", "random", *sets()]
    assert call(*words, "--external", other) == 0
    facts = json.loads((tmp_path / "s" / "study.json").read_text())
    assert [score["loss"] for score in facts["scores"]] == list(LOSSES)
    assert [score["cases"] for score in facts["external"]] == [2] * len(LOSSES)
    assert facts["features"] == "random"
    assert facts["challenge"] == []
    text = (tmp_path / "s" / "report.html").read_text()
    assert "too few for a paired test" in text
    assert "features had weights: random" in text
    for run in ("content", "content_game"):
        assert "random" in (tmp_path / "s" / "runs" / run / "loss.json").read_text()
    assert not (tmp_path / "s" / "runs" / "dice" / "loss.json").exists()
    before = (tmp_path / "s" / "runs" / "content" / "weights_last.safetensors").read_bytes()
    assert call(*words, "--json") == 0
    after = (tmp_path / "s" / "runs" / "content" / "weights_last.safetensors").read_bytes()
    assert before == after
    capsys.readouterr()


def test_bad_input_is_said_before_any_work(tmp_path, capsys):
    volumes = write_volume_dataset(tmp_path / "volumes")  # two foreground labels
    planes = write_plane_dataset(tmp_path / "planes")
    for words, said in (
        ([volumes], "one foreground label"),
        ([planes, "--external", volumes], "--external"),
        ([planes, "--loss", "l2"], "expected some of"),
        ([planes, "--budget", "x"], "minutes, hours, paper"),
    ):
        assert call("study", "siamese", *words, "-o", tmp_path / "s") == 2
        assert said in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "s").exists()


def score(name, values):
    metrics = dict.fromkeys(METRICS, tuple(values))
    numbers = dict.fromkeys(METRICS, 0.0)
    return LossScore(name, 0.0, numbers, numbers, len(values), dict.fromkeys(METRICS, 0), metrics)


def test_paired_tests_by_hand():
    rng = np.random.default_rng(0)
    base = rng.random(12) * 0.2
    found = paired_tests([score("dice", base), score("content", base + 0.1), score("focal", base)])
    by = {(t.loss, t.metric): t for t in found}
    assert by["dice", "dice"].difference == pytest.approx(0.1)
    # all of twelve differences have one sign: p = 2 / 2^12, and Holm doubles the smaller of two
    assert by["dice", "dice"].p == pytest.approx(2 / 2**12)
    assert by["dice", "dice"].p_holm == pytest.approx(4 / 2**12)


def test_too_few_cases_and_equal_ones_are_not_tested():
    assert paired_tests([score("dice", [0.1] * 5), score("content", [0.2] * 5)]) == []
    assert paired_tests([score("dice", [0.1] * 9), score("content", [0.1] * 9)]) == []
    assert paired_tests([score("dice", [0.1] * 9)]) == []


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_dataset_is_needed(tmp_path):
    with pytest.raises(InputError):
        run_study(None, tmp_path, budget="x")
