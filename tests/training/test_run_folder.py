"""The folder of a run: whose it is, and that its files stay what they were."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.errors import InputError, WorkError
from segscope.images import Case
from segscope.training.run_folder import (
    STATE,
    check_inputs,
    check_run_folder,
    has_begun,
    hidden,
    locked,
    note_in_manifest,
    stamps,
    unchanging,
)

DATASET = SimpleNamespace(folder=Path("data"), name="data")


def test_a_new_run_needs_an_unused_folder_and_an_old_one_its_state(tmp_path):
    check_run_folder(tmp_path / "new", resume=False)
    with pytest.raises(InputError, match="start without --resume"):
        check_run_folder(tmp_path, resume=True)
    hidden(tmp_path, STATE).parent.mkdir()
    hidden(tmp_path, STATE).write_bytes(b"x")
    assert has_begun(tmp_path)
    check_run_folder(tmp_path, resume=True)
    with pytest.raises(InputError, match="holds a run already"):
        check_run_folder(tmp_path, resume=False)
    with pytest.raises(InputError, match="is a file; name a folder"):
        check_run_folder(hidden(tmp_path, STATE), resume=False)


def test_an_older_run_goes_on_where_its_files_are(tmp_path):
    assert hidden(tmp_path, STATE) == tmp_path / ".segscope" / "state.safetensors"
    (tmp_path / STATE).write_bytes(b"x")
    assert hidden(tmp_path, STATE) == tmp_path / STATE
    assert has_begun(tmp_path)
    check_run_folder(tmp_path, resume=True)
    (tmp_path / ".segscope").mkdir()
    (tmp_path / ".segscope" / STATE).write_bytes(b"y")  # the run's own goes before a stray one
    assert hidden(tmp_path, STATE) == tmp_path / ".segscope" / "state.safetensors"


def test_weights_without_a_state_are_a_run_too(tmp_path):
    (tmp_path / "weights_best.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="holds a run already"):
        check_run_folder(tmp_path, resume=False)


def test_a_lock_keeps_others_out_until_it_ends_and_removes_what_is_half(tmp_path):
    halves = [tmp_path / ".segscope-abc", tmp_path / ".segscope" / ".segscope-abc"]
    (tmp_path / ".segscope").mkdir()
    for half in halves:
        half.write_bytes(b"x")
    with locked(tmp_path):
        assert not any(half.exists() for half in halves)
        with pytest.raises(WorkError, match="another process trains"), locked(tmp_path):
            pytest.fail("it was taken twice")
    with locked(tmp_path):
        pass


def test_facts_are_noted_where_there_is_a_manifest(tmp_path):
    note_in_manifest(tmp_path, minutes=3)
    assert not list(tmp_path.iterdir())
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"format": 1, "seed": 0, "files": {}, "inputs": {}}))
    note_in_manifest(tmp_path, minutes=3)
    note_in_manifest(tmp_path, minutes=4)
    found = json.loads(file.read_text())
    assert (found["seed"], found["minutes"]) == (0, 4)


def test_changed_and_unknown_inputs_are_told(tmp_path):
    check_inputs(tmp_path, {"a": ["1"]}, DATASET)  # without a manifest nothing is known
    facts = {"format": 1, "seed": 0, "files": {}, "inputs": {"a": ["1"], "b": ["2"]}}
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    check_inputs(tmp_path, {"a": ["1"]}, DATASET)
    with pytest.raises(InputError, match="data: the files of case a and 1 more have changed"):
        check_inputs(tmp_path, {"a": ["9"], "b": ["9"]}, DATASET)
    with pytest.raises(InputError, match="does not list case c"):
        check_inputs(tmp_path, {"c": ["1"]}, DATASET)


def test_files_that_change_or_go_while_they_are_read_are_told(tmp_path):
    file, label = tmp_path / "a.png", tmp_path / "l.png"
    file.write_bytes(b"1")
    label.write_bytes(b"1")
    cases = [Case("a", (file,), label)]
    assert [size for size, _ in stamps(cases)["a"]] == [1, 1]
    with unchanging(cases, DATASET):
        pass
    with pytest.raises(InputError, match="case a changed while"), unchanging(cases, DATASET):
        label.write_bytes(b"12")
    with pytest.raises(InputError, match="went away"), unchanging(cases, DATASET):
        file.unlink()
