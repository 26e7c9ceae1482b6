"""Every preset: as many bits after an interruption as without, and with any number of workers."""

import pytest
import torch
from safetensors.torch import load_file

from segscope.cli.main import main
from segscope.training import loop as loop_module
from segscope.training import preset_names
from tests.synthetic import write_volume_dataset

PAPER = ["network.widths=[4,6]", "patch=[32,32]", "preprocessing.resize=[32,32]"]
SETTINGS = [
    "train.epochs=2", "train.steps_per_epoch=2", "train.batch_size=2", "train.snapshots=[]",
    "train.schedule=cosine", "train.patience=0",
]  # fmt: skip
OWN = {
    "gbm": ["network.widths=[4,6]", "patch=[16,16,16]", "preprocessing.spacing_mm=[1.5,1.5,1.5]",
            "mask.method=labels"],
    "siamese": [*PAPER, "loss.options.weights=random", "loss.minmax=0.001"],
    "protoseg": ["network.widths=[4,6]", "patch=[16,16]"],
    "anunet_3d": ["network.widths=[4,6]", "patch=[16,16,16]"],
    "default": ["network.widths=[4,6]", "patch=[16,16,16]"],
}  # fmt: skip


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    return write_volume_dataset(folder / "data", cases=4, shape=(20, 24, 16))


def command(data, run, preset, *more):
    settings = [*SETTINGS, *OWN.get(preset, PAPER), *more]
    words = ["train", str(data), "-o", str(run), "--recipe", preset, "--folds", "2"]
    return words + [word for setting in settings for word in ("--set", setting)]


def called(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0


def weights(run):
    return {name: load_file(run / f"weights_{name}.safetensors") for name in ("best", "last")}


def check_same(first, second):
    for name, state in weights(first).items():
        other = weights(second)[name]
        assert state.keys() == other.keys()
        assert all(torch.equal(state[key], other[key]) for key in state), name


@pytest.mark.parametrize("preset", preset_names())
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    volumes, tmp_path, monkeypatch, preset, capsys
):
    called(command(volumes, tmp_path / "whole", preset))
    saved = loop_module.save_state

    def stop_after_first(path, state):
        saved(path, state)
        if state["progress"]["epoch"] == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop_module, "save_state", stop_after_first)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            main(command(volumes, tmp_path / "cut", preset))
    called(["train", str(volumes), "-o", str(tmp_path / "cut"), "--resume"])
    check_same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("preset", preset_names())
def test_workers_change_no_bit(volumes, tmp_path, preset, capsys):
    for count in (0, 1, 2):
        called(command(volumes, tmp_path / str(count), preset, f"train.workers={count}"))
    check_same(tmp_path / "0", tmp_path / "1")
    check_same(tmp_path / "0", tmp_path / "2")
