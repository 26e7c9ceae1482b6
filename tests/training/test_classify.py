"""Training of classifiers: splits by subject, runs that resume with the same bits."""

import csv
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from safetensors.torch import load_file

from segscope.data import open_dataset
from segscope.errors import InputError, WorkError
from segscope.inference.classify import class_probabilities, load_classifier, prepare_image
from segscope.training import budget as budget_module
from segscope.training import loop as loop_module
from segscope.training.classify import train_classifier
from segscope.training.classify_images import labelled_images, split_images
from segscope.training.classify_recipe import classify_recipe

TINY = {"network": "test_resnet", "size": [32, 32], "epochs": 4, "batch_size": 8, "patience": 0}


def write_classes(folder, *, subjects=10, each=2, seed=0):
    """Bright discs (abnormal) and plain noise (normal), ``each`` images of every subject."""
    rng = np.random.default_rng(seed)
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    rows = ["case,subject,class"]
    for subject in range(subjects):
        kind = "abnormal" if subject % 2 else "normal"
        for k in range(each):
            name = f"s{subject:02d}_{k}"
            image = rng.normal(90, 12, (40, 36))
            mask = np.zeros((40, 36), np.uint8)
            if kind == "abnormal":
                mask[12:28, 10:26] = 1
            image = np.clip(image + 110 * mask, 0, 255).astype(np.uint8)
            PillowImage.fromarray(image).save(folder / "imagesTr" / f"{name}_0000.png")
            PillowImage.fromarray(mask).save(folder / "labelsTr" / f"{name}.png")
            rows.append(f"{name},subject{subject},{kind}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    facts = {"channel_names": {"0": "grey"}, "labels": {"background": 0, "lesion": 1},
             "numTraining": subjects * each, "file_ending": ".png"}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(facts))
    return open_dataset(folder)


@pytest.fixture
def dataset(tmp_path):
    return write_classes(tmp_path / "data")


def test_splits_keep_subjects_together_and_classes_in_shares(tmp_path):
    images = labelled_images(write_classes(tmp_path / "data", subjects=40), "class")
    assert images.classes == ("normal", "abnormal")
    group = {case.name: case.group for case in images.cases}
    truth = {case.name: t for case, t in zip(images.cases, images.truth, strict=True)}
    for seed in range(5):
        train, val = split_images(images, 0.2, seed)
        assert sorted(train + val) == sorted(group)
        assert not {group[n] for n in train} & {group[n] for n in val}
        assert len(val) == 16
        assert np.mean([truth[n] for n in val]) == 0.5
    assert split_images(images, 0.2, 0) != split_images(images, 0.2, 1)


def test_it_learns_what_is_plain_to_see(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "epochs": 12, "learning_rate": 3e-3})
    found = train_classifier(dataset, recipe, tmp_path / "run")
    assert found.scores["accuracy"].value == 1
    facts = json.loads((tmp_path / "run" / "validation.json").read_text())
    assert facts["scores"]["auc"]["value"] == 1
    model = load_classifier(tmp_path / "run")
    case = next(c for c in dataset.training if c.name == "s01_0")
    assert class_probabilities(model, prepare_image(model.spec, case)[None])[0].argmax() == 1
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert len(manifest["inputs"]) == 20
    assert all(len(digest) == 64 for hashes in manifest["inputs"].values() for digest in hashes)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_a_stopped_run_ends_with_the_same_bits(tmp_path, dataset, monkeypatch, after):
    recipe = classify_recipe({**TINY, "schedule": "cosine"})
    train_classifier(dataset, recipe, tmp_path / "whole")
    states = []
    save = loop_module.save_state

    def stop(file, state):
        if len(states) == after:
            raise StoppedError
        states.append(file)
        save(file, state)

    with monkeypatch.context() as patched:
        patched.setattr(loop_module, "save_state", stop)
        with pytest.raises(StoppedError):
            train_classifier(dataset, recipe, tmp_path / "cut")
    assert (tmp_path / "cut" / ".segscope" / "state.safetensors").exists() == (after > 0)
    # what ended before its first state, which is written before the first step, begins anew
    train_classifier(dataset, recipe, tmp_path / "cut", resume=after > 0)
    for name in ("best", "last"):
        files = [tmp_path / run / f"weights_{name}.safetensors" for run in ("whole", "cut")]
        whole, cut = (load_file(file) for file in files)
        assert all(torch.equal(whole[key], cut[key]) for key in whole)
    logs = [(tmp_path / run / "validation.csv").read_text() for run in ("whole", "cut")]
    assert logs[0] == logs[1]


def test_a_run_ends_in_time_with_its_scores(tmp_path, dataset, monkeypatch):
    looked = itertools.count()  # a clock that goes on by half a second whenever it is looked at
    clock = SimpleNamespace(monotonic=lambda: next(looked) / 2)
    for module in (budget_module, loop_module):
        monkeypatch.setattr(module, "time", clock)
    recipe = classify_recipe({**TINY, "epochs": 100000, "max_minutes": 1, "schedule": "cosine"})
    found = train_classifier(dataset, recipe, tmp_path / "run")
    assert found.minutes == pytest.approx(1, rel=0.05)
    assert (tmp_path / "run" / "validation.json").exists()
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert len(rows) == found.epochs
    assert float(rows[-1]["learning_rate"]) < 0.1 * float(rows[0]["learning_rate"])


def test_a_loss_that_is_not_finite_names_the_setting(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "learning_rate": 1e30})
    with pytest.raises(WorkError, match="lower learning_rate, then start again"):
        train_classifier(dataset, recipe, tmp_path / "run")


def test_patience_ends_a_run_that_no_longer_improves(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "epochs": 40, "patience": 2, "learning_rate": 1e-9})
    found = train_classifier(dataset, recipe, tmp_path / "run")
    assert found.epochs == found.best_epoch + 1 + 2 < 40


def test_files_that_changed_are_not_taken_for_the_old_ones(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "epochs": 1})
    train_classifier(dataset, recipe, tmp_path / "run")
    file = dataset.training[3].image_files[0]
    PillowImage.fromarray(np.zeros((40, 36), np.uint8)).save(file)
    with pytest.raises(InputError, match=f"case {dataset.training[3].name} have changed since"):
        train_classifier(dataset, recipe, tmp_path / "run", resume=True)


def test_given_weights_are_where_it_starts(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "epochs": 1})
    train_classifier(dataset, recipe, tmp_path / "first")
    weights = tmp_path / "first" / "weights_last.safetensors"
    again = classify_recipe(
        {**TINY, "epochs": 1, "learning_rate": 1e-12, "weights": str(weights), "weight_decay": 0}
    )
    train_classifier(dataset, again, tmp_path / "second")
    a, b = (load_file(tmp_path / run / "weights_last.safetensors") for run in ("first", "second"))
    names = [name for name in a if name.endswith("weight")]
    assert all(torch.allclose(a[name], b[name], atol=1e-8) for name in names)
    missing = classify_recipe({**TINY, "weights": str(tmp_path / "none.pt")})
    with pytest.raises(InputError, match=r"none\.pt: no such file of weights"):
        train_classifier(dataset, missing, tmp_path / "third")


def test_what_cannot_be_learned_is_said(tmp_path, dataset):
    with pytest.raises(InputError, match="column stage"):
        labelled_images(dataset, "stage")
    with pytest.raises(InputError, match=r"epochs.*greater"):
        classify_recipe({"epochs": 0})
    with pytest.raises(InputError, match=r"networc: .*there are format, network"):
        classify_recipe({"networc": "xception"})
    table = dataset.folder / "cases.csv"
    table.write_text(table.read_text().replace("s00_0,subject0,normal", "s00_0,subject0,"))
    with pytest.raises(InputError, match="empty for s00_0"):
        labelled_images(dataset, "class")
    table.write_text(table.read_text().replace("abnormal", "normal").replace("0,\n", "0,normal\n"))
    with pytest.raises(InputError, match="two classes or more"):
        labelled_images(open_dataset(dataset.folder), "class")
    unknown, other = classify_recipe({**TINY, "network": "resne"}), write_classes(tmp_path / "d2")
    with pytest.raises(InputError, match="did you mean"):
        train_classifier(other, unknown, tmp_path / "r")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("classifier.json", {"classes": ["abnormal", "normal"]}),
        ("classifier.json", {"sd": [0.5]}),
        ("split.json", {"fold": 1}),
        ("split.json", {"val": []}),
        ("manifest.json", {"inputs": []}),
    ],
    ids=["classes", "sd", "split", "no-val", "manifest"],
)
def test_a_classifiers_file_that_was_changed_is_refused_by_name(tmp_path, dataset, name, change):
    recipe = classify_recipe({**TINY, "epochs": 1})
    train_classifier(dataset, recipe, tmp_path / "run")
    file = tmp_path / "run" / name
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=name):
        train_classifier(dataset, recipe, tmp_path / "run", resume=True)


def test_a_resumed_classifier_keeps_the_split_it_was_begun_with(tmp_path, dataset):
    train_classifier(dataset, classify_recipe({**TINY, "epochs": 1}), tmp_path / "run")
    before = (tmp_path / "run" / "validation.csv").read_text()
    other = classify_recipe({**TINY, "epochs": 1, "seed": 1})  # draws another
    train_classifier(dataset, other, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "validation.csv").read_text() == before
    with pytest.raises(InputError, match="split: zz is not there"):
        train_classifier(dataset, other, tmp_path / "new", split=(["zz"], ["s00_0"]))


def test_given_weights_of_a_wrapped_network_are_fitted_and_said(tmp_path, dataset):
    recipe = classify_recipe({**TINY, "epochs": 1})
    train_classifier(dataset, recipe, tmp_path / "first")
    state = load_file(tmp_path / "first" / "weights_last.safetensors")
    files = {
        "own": {f"module._orig_mod.{name}": value for name, value in state.items()},
        "body": {name.replace("body.", "module."): value.double() for name, value in state.items()},
    }
    for name, content in files.items():
        torch.save({"model": content, "epoch": 3}, tmp_path / f"{name}.ckpt")
        start = classify_recipe({**TINY, "epochs": 1, "learning_rate": 1e-12,
                                 "weights": str(tmp_path / f"{name}.ckpt")})  # fmt: skip
        found = train_classifier(dataset, start, tmp_path / name)
        said = " ".join(found.notes)
        assert "under 'model' were taken" in said
        assert "names begin with 'module." in said
        assert ("float64 where the network has float32" in said) == (name == "body")
        weights = load_file(tmp_path / name / "weights_last.safetensors")
        names = [key for key in state if key.endswith("weight")]
        assert all(torch.allclose(weights[key], state[key], atol=1e-8) for key in names)
    broken = {name: value.to(torch.int8) for name, value in state.items()}
    torch.save(broken, tmp_path / "int8.pt")
    bad = classify_recipe({**TINY, "weights": str(tmp_path / "int8.pt")})
    with pytest.raises(InputError, match="float32 expected, int8 found"):
        train_classifier(dataset, bad, tmp_path / "int8")
