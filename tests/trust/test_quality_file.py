"""A run's quality file: there and back, checked, and used only for what it was made of."""

import json

import pytest

from segscope.errors import InputError
from segscope.inference.manifest import weights_hash
from segscope.inference.run_files import MANIFEST, read_manifest
from segscope.trust.fit import fit_quality
from segscope.trust.quality_file import QUALITY, open_judge, read_quality, write_quality
from tests.trust.known import pointwise_model
from tests.trust.test_fit import MODEL, REFERENCE, ROWS

FOUND = fit_quality(ROWS, REFERENCE, weights=weights_hash(MODEL))


@pytest.fixture
def run(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"format": 1, "files": {}, "inputs": {}}))
    write_quality(tmp_path, FOUND)
    return tmp_path


def test_it_comes_back_and_the_manifest_knows_it(run):
    again = read_quality(run)
    figures = ROWS[0].figures["mean"]
    for mode, targets in FOUND.predictors.items():
        assert again.predictors[mode]["mean"].predict(figures) == targets["mean"].predict(figures)
    assert (again.cases, again.temperature) == (FOUND.cases, FOUND.temperature)
    assert QUALITY in read_manifest(run)["files"]
    write_quality(run, FOUND)  # and may be made again
    assert read_quality(run) is not None


def test_a_run_without_one_has_none(tmp_path):
    assert read_quality(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace('"format": 1', '"format": 9'), lambda text: "{}",
     lambda text: text.replace('"isotonic"', '"forest"'), lambda text: text[:200]],
    ids=["format", "empty", "family", "cut"],
)  # fmt: skip
def test_another_file_is_refused_and_says_what_makes_it(run, change):
    file = run / QUALITY
    changed = change(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(InputError, match="not the one that this run wrote"):
        read_quality(run)
    (run / MANIFEST).unlink()
    with pytest.raises(InputError, match="--calibrate DATASET"):
        read_quality(run)


def test_a_judge_predicts_for_the_same_weights_alone(run):
    assert open_judge(run, MODEL, "standard").predictors
    other = open_judge(run, pointwise_model(slope=3.0), "standard")
    assert not other.predictors
    assert other.reference is not None
    assert "other weights" in other.why
    for how in ({"mirror": True}, {"level": 2}):
        bare = open_judge(run, MODEL, "standard", **how)
        assert (dict(bare.predictors), "--level or --mirror" in bare.why) == ({}, True)


def test_its_key_tells_files_and_options_apart(run):
    keys = {open_judge(run, MODEL, "fast").key, open_judge(run, MODEL, "fast", mirror=True).key}
    write_quality(run, fit_quality(ROWS[:5], REFERENCE, weights="w"))
    keys.add(open_judge(run, MODEL, "fast").key)
    assert len(keys) == 3
