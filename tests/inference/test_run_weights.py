"""Weights of a run that is being saved."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from segscope.data import sha256_of
from segscope.errors import InputError
from segscope.inference import load_model, load_weights, run_weights, save_model
from segscope.inference.run_files import (
    MANIFEST,
    check_run_file,
)
from tests.inference.nets import random_model


def manifest(folder):
    return json.loads((folder / MANIFEST).read_text())


def test_weights_without_hashes_are_used_and_it_is_said(run, caplog):
    (run / MANIFEST).unlink()
    file = run / "weights_best.safetensors"
    save_file(load_file(file), file)
    model = load_model(run)
    assert model.notes[0].startswith(f"{file}: carries no hash of itself and of model.json")
    assert model.notes[0] in caplog.text


def test_weights_in_half_precision_are_used_and_it_is_said(run):
    (run / MANIFEST).unlink()
    file = run / "weights_best.safetensors"
    save_file({name: value.half() for name, value in load_file(file).items()}, file)
    assert "tensors are float16 where the network has float32" in load_model(run).notes[0]


def test_a_damaged_note_of_hashes_is_no_file_without_one(run):
    file = run / "weights_best.safetensors"
    state = load_file(file)
    for text in ("{", "[]", '{"tensors_sha256": 1}'):
        save_file(state, file, metadata={"segscope": text})
        with pytest.raises(InputError, match=r"weights_best\.safetensors"):
            load_weights(file)


class KilledError(BaseException):
    pass


MOMENTS = [(first,) for first in range(6)] + [(3, second) for second in range(6)]


@pytest.mark.parametrize("moments", MOMENTS, ids=lambda m: "-then-".join(map(str, m)))
def test_a_run_killed_at_any_moment_of_a_save_can_be_read(run, monkeypatch, moments):
    """Every rename is such a moment, before it or after it; and again where it was not mended."""
    rename, done = Path.replace, []

    def killed(path, target):
        if len(done) == moment // 2 and moment % 2 == 0:
            raise KilledError
        found = rename(path, target)
        done.append(target)
        if len(done) == moment // 2 + 1 and moment % 2 == 1:
            raise KilledError
        return found

    for seed, moment in enumerate(moments, start=5):  # noqa: B007 - `killed` looks at it
        model = random_model(seed=seed)
        done.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", killed)
            with pytest.raises(KilledError):
                save_model(run, model.spec, model.net)
        load_model(run)
        load_model(run, weights="last")
        check_run_file(run, "weights_best.safetensors")
    save_model(run, model.spec, model.net)  # going on mends it
    assert "replacing" not in manifest(run)
    assert manifest(run)["files"]["weights_best.safetensors"] == load_model(run).weights_sha256


def test_a_model_that_is_read_while_its_training_replaces_it_is_no_fault(run, monkeypatch):
    load, models = run_weights.load_weights, [random_model(seed=s) for s in (8, 9)]

    def busy(file):
        found = load(file)
        if models:
            model = models.pop()
            save_model(run, model.spec, model.net)
        return found

    monkeypatch.setattr(run_weights, "load_weights", busy)
    assert load_model(run).weights_sha256 == sha256_of(run / "weights_best.safetensors")
