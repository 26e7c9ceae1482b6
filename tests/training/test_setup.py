"""Precision: chosen in one place, in float32 on processors, and said by the run."""

import json

import pytest
import torch

from segscope.data import measure_fingerprint, open_dataset
from segscope.training import plan_recipe, train_dataset
from segscope.training.recipe import TrainRecipe
from segscope.training.setup import choose_precision
from tests.synthetic import write_plane_dataset


def settings(**more):
    return TrainRecipe(epochs=1, steps_per_epoch=1, batch_size=1, **more)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_processor_is_trained_in_float32_unasked(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose_precision(settings(device=device)) == "32-true"


@pytest.mark.parametrize(
    ("device", "has", "expected"),
    [("cuda:1", True, "bf16-mixed"), ("auto", False, "32-true"), ("cpu", True, "32-true")],
)
def test_a_card_is_trained_in_bfloat16_where_it_has_it(monkeypatch, device, has, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has)
    assert choose_precision(settings(device=device)) == expected


@pytest.mark.parametrize("asked", ["auto", "bf16-mixed"])
def test_a_run_says_in_what_it_was_trained(tmp_path, asked):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=4, shape=(16, 16)))
    fingerprint = measure_fingerprint(dataset)
    changes = {
        "network": {"widths": [2, 4]},
        "train": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "device": "cpu",
                  "precision": asked},
    }  # fmt: skip
    recipe = plan_recipe(fingerprint, None, changes)
    train_dataset(dataset, fingerprint, recipe, tmp_path / "run", folds=2)
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert facts["precision"] == ("32-true" if asked == "auto" else asked)
