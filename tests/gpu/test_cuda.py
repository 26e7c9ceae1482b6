"""Every kind of work once on a CUDA device, on phantoms; left out, with the reason, without one."""

import csv
import json

import pytest
import torch
from safetensors.torch import load_file

from tests.synthetic import write_plane_dataset
from tests.test_survival import quietly

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device is here to compute on"
)
TINY = ["network.widths=[4,8]", "train.steps_per_epoch=12", "train.batch_size=2",
        "train.device=cuda", "train.compile=no", "train.learning_rate=0.01"]  # fmt: skip


def train(data, run, *settings, resume=False):
    if resume:
        return quietly("train", data, "-o", run, "--resume")
    words = [word for value in (*TINY, *settings) for word in ("--set", value)]
    return quietly("train", data, "-o", run, "--folds", "3", *words)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    data = write_plane_dataset(folder / "data", cases=6)
    assert train(data, folder / "run", "train.epochs=3") == 0
    return folder


def test_a_training_learns_and_says_its_precision(place):
    facts = json.loads((place / "run" / "manifest.json").read_text())
    wanted = "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    assert facts["precision"] == wanted
    with (place / "run" / "log.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_workers_feed_the_device(place, tmp_path):
    assert train(place / "data", tmp_path / "run", "train.epochs=2", "train.workers=2") == 0


def test_a_loss_that_is_not_finite_stops_within_ten_steps(place, tmp_path):
    settings = ("train.epochs=2", "train.learning_rate=1e38", "train.warmup_steps=0")
    assert train(place / "data", tmp_path / "run", *settings) == 1


def test_a_training_goes_on(place, tmp_path):
    run = tmp_path / "run"
    assert train(place / "data", run, "train.epochs=2") == 0
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 2", "epochs: 3"))
    assert train(place / "data", run, resume=True) == 0
    assert len((run / "log.csv").read_text().splitlines()) == 4
    weights = load_file(run / "weights_last.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


@pytest.mark.parametrize(
    "words",
    [["predict"], ["predict", "--bf16"], ["audit"], ["cam"]],
    ids=["predict", "predict in bfloat16", "audit", "cam"],
)
def test_a_run_is_put_to_work(place, tmp_path, words):
    command, *more = words
    source = ["-i", place / "data", "-o", tmp_path / "out", "--device", "cuda"]
    assert quietly(command, place / "run", *source, *more) == 0
    assert any((tmp_path / "out").iterdir())
