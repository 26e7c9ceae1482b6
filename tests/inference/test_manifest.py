"""The manifest of predictions."""

import json

import pytest

from segscope.data import find_cases, sha256_of
from segscope.errors import InputError
from segscope.inference import predict_cases
from tests.inference.nets import threshold_model
from tests.inference.scans_made import contents, write_nifti
from tests.inference.test_predict import noise


@pytest.fixture
def scans(tmp_path):
    (tmp_path / "in").mkdir()
    for k in range(3):
        write_nifti(tmp_path / "in" / f"case{k}_0000.nii.gz", noise(6, 7, 5, seed=k))
    return find_cases(tmp_path / "in", channels=1)


@pytest.fixture
def model():
    return threshold_model(3, above=0.3)


def test_the_manifest_says_how_every_file_was_made(tmp_path, scans, model):
    predict_cases(model, scans, tmp_path / "out", mirror=True, overlap=0.25)
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["cases"]["case1"]
    assert entry["inputs"] == [sha256_of(scans[1].image_files[0])]
    assert entry["outputs"] == {"case1.nii.gz": sha256_of(tmp_path / "out" / "case1.nii.gz")}
    assert entry["made_by"]["mirror"] is True
    assert entry["made_by"]["overlap"] == 0.25
    assert len(entry["made_by"]["weights_sha256"]) == 64
    assert {"segscope", "torch", "device"} <= entry["made_with"].keys()


def test_finished_predictions_are_not_made_again(tmp_path, scans, model, monkeypatch):
    predict_cases(model, scans[:2], tmp_path / "out")
    before = contents(tmp_path / "out")
    done = predict_cases(model, scans, tmp_path / "out")
    assert (done.written, done.reused) == (("case2",), ("case0", "case1"))
    assert contents(tmp_path / "out")["case0.nii.gz"] == before["case0.nii.gz"]
    again = predict_cases(model, scans, tmp_path / "out", overwrite=True)
    assert (len(again.written), again.reused) == (3, ())


@pytest.mark.parametrize("text", ["", "[]", '{"cases": 1}', '{"format": 1, "cases": {"a": 1}}'])
def test_a_foreign_manifest_is_respected(tmp_path, scans, model, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="is not a manifest of predictions"):
        predict_cases(model, scans, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "manifest.json").read_text() == text


def test_a_deep_manifest_is_no_manifest(tmp_path, scans, model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="is not a manifest of predictions"):
        predict_cases(model, scans, tmp_path / "out")
