"""Which cases validate a run, as its split says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.data import ReadOptions
from segscope.errors import InputError
from segscope.images import Case
from segscope.training.validation import (
    evaluate_in_time,
    read_split,
    reading_of,
    validation_cases,
)

DATASET = SimpleNamespace(folder=Path("data"), training=tuple(Case(n, ()) for n in "abc"))


def split(folder, **facts):
    (folder / "split.json").write_text(json.dumps(facts))


def test_cases_come_in_the_splits_order(tmp_path):
    split(tmp_path, train=["b"], val=["c", "a"])
    assert [case.name for case in validation_cases(tmp_path, DATASET)] == ["c", "a"]


def test_a_case_that_the_dataset_does_not_have_is_named(tmp_path):
    split(tmp_path, val=["a", "z"])
    with pytest.raises(InputError, match="data has no case 'z'"):
        validation_cases(tmp_path, DATASET)


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"val": []}, "val"), ({"val": ["a"], "train": ["a"]}, "trains and validates on a"),
     ({"val": ["a", "a"]}, "names a case twice in val"), ({"val": ["a"], "fold": -1}, "fold"),
     ({"val": ["a"], "other": 1}, "other"), ({"train": ["a"]}, "val"),
     ({"val": ["a"], "reading": {"resample_shear": 1}}, "resample_shear")],
    ids=["empty", "both sides", "twice", "fold", "unknown", "none", "reading"],
)  # fmt: skip
def test_what_is_no_split_is_refused(tmp_path, facts, words):
    split(tmp_path, **facts)
    with pytest.raises(InputError, match=words):
        read_split(tmp_path)


def test_what_is_needed_must_be_there(tmp_path):
    with pytest.raises(InputError, match="holds no split"):
        read_split(tmp_path)
    split(tmp_path, val=["a"])
    assert read_split(tmp_path)["val"] == ["a"]
    with pytest.raises(InputError, match="does not say train"):
        read_split(tmp_path, "train")


def test_how_the_cases_were_read_is_known(tmp_path):
    split(tmp_path, val=["a"], reading={"replace_nonfinite": 0.5, "resample_labels": True})
    assert reading_of(tmp_path) == ReadOptions(0.5, False, True)
    split(tmp_path, val=["a"])
    assert reading_of(tmp_path) == ReadOptions()


def test_without_time_for_a_case_nothing_is_evaluated(tmp_path):
    said = []
    budget = SimpleNamespace(
        to_evaluate=list, describe=lambda names: f"{len(names)}", say=said.append
    )
    assert evaluate_in_time(tmp_path, DATASET, budget) is None
    assert said == ["0"]
