"""The demo's dataset: real tissue, and no place on both sides of a split."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest

from segscope.data import open_dataset, read_label
from segscope.workflows.demo_data import BRAIN_MM, GAP_MM, _stretches, write_demo_dataset


def test_places_are_apart_and_none_trains_and_is_tested(tmp_path):
    folder = write_demo_dataset(tmp_path / "demo", spacing_mm=4.0)
    facts = json.loads((folder / "dataset.json").read_text())
    rows = list(csv.DictReader((folder / "cases.csv").read_text().splitlines()))
    subject = {row["case"]: row["subject"] for row in rows}
    parts = [{f.stem for f in (folder / f"labels{part}").iterdir()} for part in ("Tr", "Ts")]
    assert [len(part) for part in parts] == [facts["numTraining"], facts["numTest"]] == [25, 10]
    assert not {subject[n] for n in parts[0]} & {subject[n] for n in parts[1]}
    for case in open_dataset(folder).training[::6]:
        assert set(np.unique(read_label(case.label_file).array)) == {0, 1, 2}


def test_stretches_leave_a_gap_between_places():
    found = _stretches(*BRAIN_MM[1], number=3)
    assert (found[0][0], found[-1][1]) == pytest.approx(BRAIN_MM[1])
    gaps = [after[0] - before[1] for before, after in pairwise(found)]
    assert gaps == pytest.approx([GAP_MM] * 2)


def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="image_dims must be 2 or 3"):
        write_demo_dataset(tmp_path / "x", image_dims=4)
    assert not (tmp_path / "x").exists()
