"""Pruning hands the run's validation cases to the measurement, as they were read."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.data import ReadOptions
from segscope.errors import InputError
from segscope.inference.prune import LevelRow, Pruned
from segscope.workflows.prune import PruneOptions, prune
from tests.synthetic import write_plane_dataset


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    facts = {"dataset": str(tmp_path / "data"), "train": ["p0"], "val": ["p2", "p1"],
             "reading": {"resample_labels": True}}  # fmt: skip
    (tmp_path / "run" / "split.json").write_text(json.dumps(facts))
    return tmp_path / "run"


@pytest.fixture
def measured(monkeypatch, tmp_path):
    seen = {}

    def measure(run, output, **options):
        seen.update(options)
        output.mkdir()
        rows = (LevelRow(1, 10, 10, 0.1, 0.5, 0.4, 2, 0), LevelRow(2, 20, 20, 0.2, 0.6, 0.5, 2, 0))
        return Pruned(output, 1, rows, 0.01)

    monkeypatch.setattr("segscope.inference.prune_run", measure)
    monkeypatch.setattr("segscope.inference.read_spec", lambda run: SimpleNamespace(mask=None))
    return seen


@pytest.mark.parametrize(("level", "number"), [("auto", None), ("L2", 2), ("l1", 1)])
def test_validation_cases_are_measured_as_they_were_read(run, measured, tmp_path, level, number):
    write_plane_dataset(tmp_path / "data", cases=3, shape=(8, 8))
    found = prune(run, tmp_path / "small", PruneOptions(level=level, max_dice_loss=0.05))
    assert [case.name for case in measured["cases"]] == ["p2", "p1"]
    assert measured["reading"] == ReadOptions(resample_labels=True)
    assert (measured["level"], measured["max_dice_loss"], measured["device"]) == (
        number,
        0.05,
        "cpu",
    )
    assert (found.level, (tmp_path / "small" / "prune.png").read_bytes()[:4]) == (1, b"\x89PNG")


def test_a_dataset_that_has_gone_is_asked_for(run, measured, tmp_path):
    with pytest.raises(InputError, match="the dataset of this run is gone; say where"):
        prune(run, tmp_path / "small")
    moved = write_plane_dataset(tmp_path / "moved", cases=3, shape=(8, 8))
    prune(run, tmp_path / "small", PruneOptions(dataset=moved))
    assert {Path(case.label_file).parent.parent for case in measured["cases"]} == {moved}
