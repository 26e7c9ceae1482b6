"""The final evaluation: from prepared cases that the training kept, or from the files alike."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.data import Cache, ReadOptions, open_dataset, readers
from segscope.errors import InputError
from segscope.images import Case
from segscope.training import evaluate_validation
from segscope.training.validation import (
    evaluate_in_time,
    read_split,
    reading_of,
    validation_cases,
)
from segscope.workflows.train import TrainOptions, train
from tests.synthetic import write_volume_dataset

TINY = {
    "network.widths": [2, 4], "train.epochs": 1, "train.steps_per_epoch": 1, "patch": [8, 8, 8],
    "preprocessing.spacing_mm": [1.1, 1.0, 1.7],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validation")
    write_volume_dataset(folder / "data", cases=4, shape=(14, 12, 10))
    train(folder / "data", folder / "run", TrainOptions(settings=TINY, folds=2, device="cpu"))
    return folder


def written(run):
    files = sorted((run / "validation").glob("*.nii.gz"))
    return (
        [file.read_bytes() for file in files],
        json.loads((run / "validation" / "summary.json").read_text()),
        {name: case["outputs"] for name, case in json.loads(
            (run / "validation" / "manifest.json").read_text())["cases"].items()},
    )  # fmt: skip


def test_kept_cases_give_what_files_give(place):
    from_kept = written(place / "run")
    evaluate_validation(place / "run", open_dataset(place / "data"), device="cpu")
    assert written(place / "run") == from_kept
    assert len(from_kept[0]) == 2


def test_files_are_read_where_nothing_was_kept(place, tmp_path, monkeypatch):
    seen, read = [], readers._read

    def counted(path, *, stored):
        seen.append(path.parent.name)
        return read(path, stored=stored)

    monkeypatch.setattr(readers, "_read", counted)
    dataset = open_dataset(place / "data")
    store = Cache(place / "run" / ".segscope" / "cache")
    evaluate_validation(place / "run", dataset, device="cpu", store=store)
    assert "imagesTr" not in seen
    evaluate_validation(place / "run", dataset, device="cpu", store=Cache(tmp_path / "empty"))
    assert seen.count("imagesTr") == seen.count("labelsTr") == 2


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
