"""A run is gone on with from what it wrote, whole, or not at all: one refusal, with its file."""

import json
import os
import shutil

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from segscope.data import Split, measure_fingerprint, open_dataset
from segscope.errors import InputError, WorkError
from segscope.inference import load_model
from segscope.inference.run_files import read_fingerprint
from segscope.training import (
    evaluate_validation,
    load_state,
    plan_recipe,
    plan_run,
    read_recipe,
    read_split,
    reading_of,
    save_state,
    train_dataset,
)
from segscope.training.run_folder import check_run_folder, locked
from tests.synthetic import write_plane_dataset

TINY = {
    "network": {"widths": [4, 6]},
    "train": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2},
}


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    dataset = open_dataset(write_plane_dataset(tmp_path_factory.mktemp("planes"), cases=4))
    return dataset, measure_fingerprint(dataset)


@pytest.fixture(scope="module")
def trained(planes, tmp_path_factory):
    dataset, fingerprint = planes
    folder = tmp_path_factory.mktemp("trained") / "run"
    train_dataset(dataset, fingerprint, plan_recipe(fingerprint, None, TINY), folder, folds=2)
    return folder


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def resume(planes, run):
    def go_on():
        dataset, fingerprint = planes
        recipe = plan_run(fingerprint, run, resume=True)
        return train_dataset(dataset, fingerprint, recipe, run, resume=True)

    return go_on


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value).splitlines()) <= 1 + len(caught.value.problems)


def test_a_whole_run_is_gone_on_with(run, resume, planes):
    files = json.loads((run / "manifest.json").read_text())["files"]
    assert set(files) == {
        "model.json", "weights_best.safetensors", "weights_last.safetensors", "recipe.yaml",
        "split.json", "splits_final.json", "fingerprint.json", ".segscope/state.safetensors",
        "log.csv",
    }  # fmt: skip
    assert resume().epoch == 1
    assert read_fingerprint(run) == planes[1]


def drop(*path):
    def change(state):
        for part in path[:-1]:
            state = state[part]
        del state[path[-1]]

    return change


def put(value, *path):
    def change(state):
        for part in path[:-1]:
            state = state[part]
        state[path[-1]] = value

    return change


def first_weight(change):
    def changed(state):
        name = next(iter(state["weights"]))
        state["weights"][name] = change(state["weights"][name])

    return changed


STATES = {
    "no-weights": drop("weights"),
    "no-progress": drop("progress"),
    "no-random": drop("random"),
    "no-optimizer": drop("optimizer"),
    "one-more": put(1, "more"),
    "weights-list": put([], "weights"),
    "weights-empty": put({}, "weights"),
    "weight-number": first_weight(lambda w: 1.0),
    "weight-shape": first_weight(lambda w: w[..., :1]),
    "weight-kind": first_weight(lambda w: w.double()),
    "weight-nan": first_weight(lambda w: w * torch.nan),
    "epoch-negative": put(-1, "progress", "epoch"),
    "epoch-text": put("1", "progress", "epoch"),
    "epoch-true": put(True, "progress", "epoch"),
    "epoch-other": put(2, "progress", "epoch"),
    "step-broken": put(1.5, "progress", "step"),
    "elapsed-nan": put(float("nan"), "progress", "elapsed_s"),
    "best-later": put(1, "progress", "best_epoch"),
    "rows-none": put([], "progress", "rows"),
    "rows-text": put([{"epoch": 0, "train_loss": "a"}], "progress", "rows"),
    "rows-list": put([[0]], "progress", "rows"),
    "progress-less": drop("progress", "step"),
    "progress-list": put([], "progress"),
    "random-size": put(torch.zeros(5, dtype=torch.uint8), "random", "cpu"),
    "random-kind": put(torch.zeros(5056), "random", "cpu"),
    "random-zeros": put(torch.zeros(5056, dtype=torch.uint8), "random", "cpu"),
    "random-none": put({}, "random"),
    "random-text": put("x", "random"),
    "optimizer-groups": put([], "optimizer", "param_groups"),
    "optimizer-list": put([], "optimizer"),
    "optimizer-state": put([], "optimizer", "state"),
    "optimizer-far": put({99: {}}, "optimizer", "state"),
    "optimizer-params": put([0], "optimizer", "param_groups", 0, "params"),
    "optimizer-rate": put("fast", "optimizer", "param_groups", 0, "lr"),
    "optimizer-betas": put([0.9], "optimizer", "param_groups", 0, "betas"),
    "moment-shape": put(torch.zeros(3), "optimizer", "state", 0, "exp_avg"),
    "moment-nan": lambda s: s["optimizer"]["state"][0]["exp_avg"].fill_(torch.nan),
    "moment-text": put("x", "optimizer", "state", 0, "exp_avg"),
    "moment-gone": drop("optimizer", "state", 0, "exp_avg"),
    "adversary": put({}, "adversary"),
    "format-none": drop("format"),
    "format-older": put(1, "format"),
    "best-none": put([], "progress", "best"),
    "best-nan": put([float("nan")], "progress", "best"),
    "best-number": put(0.5, "progress", "best"),
}


@pytest.mark.parametrize("change", STATES)
def test_a_state_of_another_form_is_refused(run, resume, change):
    file = run / ".segscope" / "state.safetensors"
    before = (run / "weights_last.safetensors").read_bytes()
    state = load_state(file)
    STATES[change](state)
    save_state(file, state)
    refused(resume, f"{file}: cannot be gone on with", "train anew in another folder")
    assert (run / "weights_last.safetensors").read_bytes() == before


def rewritten(file, change):
    """Write a state's file with its text changed, as no other program would."""
    with safe_open(file, framework="pt") as opened:
        facts = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    tensors, facts = change(tensors, facts)
    save_file(tensors, file, metadata=facts)
    manifest = file.with_name("manifest.json")  # of a version that did not list it
    known = json.loads(manifest.read_text())
    del known["files"][file.name]
    manifest.write_text(json.dumps(known))


def without_hash(change):
    return lambda t, f: (t, {"state": change(f["state"])})


FILES = {
    "no-text": lambda t, f: (t, {"sha256": f["sha256"]}),
    "no-metadata": lambda t, f: (t, None),
    "list": without_hash(lambda text: "[]"),
    "null": without_hash(lambda text: "null"),
    "number": without_hash(lambda text: "3"),
    "empty": without_hash(lambda text: ""),
    "deep": without_hash(lambda text: "[" * 100_000),
    "no-items": without_hash(lambda text: '{"a": 1}'),
    "items-text": without_hash(lambda text: '{"__items__": "ab"}'),
    "key-list": without_hash(lambda text: '{"__items__": [[[1], 2]]}'),
    "other-tensor": without_hash(lambda text: text.replace('"t0"', '"t9999"')),
    "tensor-twice": without_hash(lambda text: text.replace('"t0"', '"t1"')),
    "tensor-gone": lambda t, f: ({k: v for k, v in t.items() if k != "t0"}, f),
    "tensor-more": lambda t, f: ({**t, "more": torch.zeros(1)}, f),
    "tensor-changed": lambda t, f: ({**t, "t0": t["t0"] + 1}, f),
    "number-changed": lambda t, f: (t, {**f, "state": f["state"].replace('["step", 2]',
                                                                        '["step", 3]')}),
}  # fmt: skip


@pytest.mark.parametrize("change", FILES)
def test_a_state_file_that_was_changed_is_refused(run, resume, change):
    file = run / ".segscope" / "state.safetensors"
    rewritten(file, FILES[change])
    refused(resume, f"{file}: not a state that segscope wrote", "train anew in another folder")


def test_a_state_without_a_hash_is_an_older_one(run, resume):
    rewritten(run / ".segscope" / "state.safetensors", without_hash(str))
    assert resume().epoch == 1


def test_another_runs_state_is_refused(run, resume, planes, tmp_path):
    dataset, fingerprint = planes
    recipe = plan_recipe(fingerprint, None, {**TINY, "train": {**TINY["train"], "seed": 1}})
    train_dataset(dataset, fingerprint, recipe, tmp_path / "other", folds=2)
    shutil.copy(tmp_path / "other" / ".segscope" / "state.safetensors", run / ".segscope")
    refused(resume, f"{run}/.segscope/state.safetensors: is not the one that this run wrote")


def test_a_log_is_written_anew_from_the_state(run, resume):
    kept = (run / "log.csv").read_bytes()
    (run / "log.csv").unlink()
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 1\n", "epochs: 2\n"))
    assert resume().epoch == 2
    assert (run / "log.csv").read_bytes().startswith(kept)


def test_a_state_that_is_no_file_is_refused(run, resume):
    file = run / ".segscope" / "state.safetensors"
    file.rename(run / "kept")
    for make in (file.mkdir, lambda: file.symlink_to(file), lambda: file.symlink_to("nowhere")):
        make()
        refused(resume, f"{file}: is no file")
        refused(lambda: check_run_folder(run, resume=False), f"{file}: is no file")
        file.rmdir() if not file.is_symlink() else file.unlink()
    file.symlink_to(run / "kept")
    assert resume().epoch == 1


def edit(name, change):
    """Change a JSON file of a run."""

    def edited(run):
        facts = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(change(facts)))

    return edited


def text(name, content):
    return lambda run: (run / name).write_text(content)


def swap_weights(run):
    file = run / "weights_best.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-2] ^= 64
    file.write_bytes(raw)


CHANGED = {
    "split-object": ("split.json", text("split.json", "{}")),
    "split-list": ("split.json", text("split.json", "[]")),
    "split-empty": ("split.json", text("split.json", "")),
    "split-deep": ("split.json", text("split.json", "[" * 100_000)),
    "split-other": ("split.json", edit("split.json", lambda f: f | {"val": f["val"][:1]})),
    "split-numbers": ("split.json", edit("split.json", lambda f: f | {"val": [1]})),
    "split-both": ("split.json", edit("split.json", lambda f: f | {"val": f["train"]})),
    "split-no-val": ("split.json", edit("split.json", lambda f: f | {"val": []})),
    "split-fold": ("split.json", edit("split.json", lambda f: f | {"fold": "0"})),
    "split-reading": ("split.json", edit("split.json", lambda f: f | {"reading": {"a": 1}})),
    "manifest-inputs": ("manifest.json", text("manifest.json", '{"inputs": []}')),
    "manifest-list": ("manifest.json", text("manifest.json", "[]")),
    "manifest-folder": ("manifest.json", lambda run: ((run / "manifest.json").unlink(),
                                                      (run / "manifest.json").mkdir())),
    "manifest-case": ("manifest.json", edit("manifest.json", lambda f: f | {"inputs": {}})),
    "model-object": ("model.json", text("model.json", "{}")),
    "model-edited": ("model.json", edit("model.json", lambda f: f | {"patch": [32, 32]})),
    "model-gone": ("model.json", lambda run: (run / "model.json").unlink()),
    "weights-flipped": ("weights_best.safetensors", swap_weights),
    "weights-gone": ("weights_best.safetensors",
                     lambda run: (run / "weights_best.safetensors").unlink()),
    "fingerprint-edited": ("fingerprint.json",
                           edit("fingerprint.json", lambda f: f | {"dataset": "other"})),
    "fingerprint-gone": ("fingerprint.json", lambda run: (run / "fingerprint.json").unlink()),
    "recipe-twice": ("recipe.yaml", lambda run: (run / "recipe.yaml").write_text(
        (run / "recipe.yaml").read_text() + "format: 1\n")),
    "recipe-list": ("recipe.yaml", text("recipe.yaml", "- a\n")),
    "recipe-folder": ("recipe.yaml", lambda run: ((run / "recipe.yaml").unlink(),
                                                  (run / "recipe.yaml").mkdir())),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGED)
def test_a_file_of_a_run_that_was_changed_is_refused_by_name(run, resume, change):
    name, apply = CHANGED[change]
    apply(run)
    refused(resume, "recipe" if name == "recipe.yaml" and change == "recipe-folder" else name)


def test_a_changed_split_is_refused_wherever_it_is_read(run, planes):
    edit("split.json", lambda facts: facts | {"val": facts["val"][:1]})(run)
    for call in (read_split, reading_of, lambda run: evaluate_validation(run, planes[0])):
        refused(lambda call=call: call(run), "split.json", "put the old one back")


def test_more_epochs_may_be_asked_for_by_hand_and_it_is_said(run, resume, caplog):
    file = run / "recipe.yaml"
    facts = yaml.safe_load(file.read_text())
    old = json.loads((run / "manifest.json").read_text())["files"]["recipe.yaml"]
    facts["train"]["epochs"] = 2
    file.write_text(yaml.safe_dump(facts))
    assert resume().epoch == 2
    assert "recipe.yaml: was changed since the run was begun" in caplog.text
    assert json.loads((run / "manifest.json").read_text())["older_recipes"] == [old]
    caplog.clear()
    assert resume().epoch == 2
    assert caplog.text == ""
    assert load_model(run).notes == ()


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [("augment", "mirror_axes", [], "mirror_axes"), ("network", "widths", [4, 8], "network")],
)
def test_a_recipe_of_another_model_is_refused(run, resume, section, key, value, said):
    file = run / "recipe.yaml"
    facts = yaml.safe_load(file.read_text())
    assert facts[section][key] != value
    facts[section][key] = value
    file.write_text(yaml.safe_dump(facts))
    refused(resume, f"recipe.yaml: gives another {said} than model.json")


def test_a_runs_recipe_names_everything(run):
    file = run / "recipe.yaml"
    facts = yaml.safe_load(file.read_text())
    for section, key in (("train", "weight_decay"), ("preprocessing", "crop"), ("loss", "plus")):
        less = {**facts, section: {k: v for k, v in facts[section].items() if k != key}}
        file.write_text(yaml.safe_dump(less))
        refused(lambda: read_recipe(file), "recipe.yaml: is not whole", f"{section}.{key}")


@pytest.mark.parametrize(
    "content",
    ["a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
        f"{chr(c + 1)}: &{chr(c + 1)} [{', '.join(['*' + chr(c)] * 9)}]\n" for c in range(98, 106)),
     "a: &a [*a]\n", "a: " + "[" * 5000, "\x00", "{1: 2}", "a: b: c"],
    ids=["billion", "itself", "deep", "nul", "numbered", "colons"],
)  # fmt: skip
def test_yaml_that_is_no_recipe_is_refused_at_once(tmp_path, content):
    (tmp_path / "r.yaml").write_text(content)
    refused(lambda: read_recipe(tmp_path / "r.yaml"), "r.yaml")


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ([{"train": ["p0", "p1"], "val": []}], "fold 0 has no case to validate on"),
        ([{"train": [], "val": ["p0"]}], "fold 0 has no case to train on"),
        ([{"train": ["p0"], "val": ["p0"]}], "fold 0 trains and validates on p0"),
        ([{"train": ["p0"], "val": ["zz"]}], "does not have: zz"),
        ([{"train": ["p0", "p0"], "val": ["p1"]}], "names p0 twice"),
        ([{"train": ["p0"], "val": [1]}], "is not a list of folds"),
        ({"train": ["p0"], "val": ["p1"]}, "is not a list of folds"),
    ],
    ids=["no-val", "no-train", "both", "unknown", "twice", "number", "object"],
)
def test_a_datasets_split_is_refused_before_any_training(tmp_path, folds, said):
    folder = write_plane_dataset(tmp_path / "data", cases=3)
    (folder / "splits_final.json").write_text(json.dumps(folds))
    dataset = open_dataset(folder)
    fingerprint = measure_fingerprint(dataset)
    recipe = plan_recipe(fingerprint, None, TINY)
    refused(
        lambda: train_dataset(dataset, fingerprint, recipe, tmp_path / "run"),
        "splits_final.json", said,
    )  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_a_split_with_one_subject_on_both_sides_is_refused(tmp_path):
    folder = write_plane_dataset(tmp_path / "data", cases=3)
    (folder / "cases.csv").write_text("case,subject\np0,s\np1,s\np2,t\n")
    (folder / "splits_final.json").write_text('[{"train": ["p0"], "val": ["p1"]}]')
    dataset = open_dataset(folder)
    fingerprint = measure_fingerprint(dataset)
    recipe = plan_recipe(fingerprint, None, TINY)
    refused(
        lambda: train_dataset(dataset, fingerprint, recipe, tmp_path / "run"),
        "trains and validates on the same subject (s)",
    )


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (Split(("p0",), ()), "no case to validate"),
        (Split((), ("p0",)), "no case to train"),
        (Split(("p0",), ("p0",)), "p0 trains and validates"),
        (Split(("p0", "p0"), ("p1",)), "named twice"),
        (Split(("p0",), ("zz",)), "zz is no labelled case"),
    ],
    ids=["no-val", "no-train", "both", "twice", "unknown"],
)
def test_a_callers_split_is_refused_before_any_training(planes, tmp_path, split, said):
    dataset, fingerprint = planes
    recipe = plan_recipe(fingerprint, None, TINY)
    refused(
        lambda: train_dataset(dataset, fingerprint, recipe, tmp_path / "run", split=split), said
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_said(run, resume, monkeypatch):
    (run / ".segscope" / "lock").unlink()
    (run / ".segscope" / "lock").mkdir()
    with pytest.raises(WorkError, match="nothing can be written there"), locked(run):
        pass
    (run / ".segscope" / "lock").rmdir()
    os.mkfifo(run / "pipe")  # what else lies there does not matter
    assert resume().epoch == 1
