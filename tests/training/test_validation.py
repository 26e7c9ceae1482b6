"""The final evaluation: from prepared cases that the training kept, or from the files alike."""

import json

import pytest

from segscope.data import Cache, open_dataset, readers
from segscope.training import evaluate_validation
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
    store = Cache(place / "run" / "cache")
    evaluate_validation(place / "run", dataset, device="cpu", store=store)
    assert "imagesTr" not in seen
    evaluate_validation(place / "run", dataset, device="cpu", store=Cache(tmp_path / "empty"))
    assert seen.count("imagesTr") == seen.count("labelsTr") == 2
