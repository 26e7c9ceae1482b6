"""Files of weights: whole, numbers only, and nothing pickled runs."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segscope.errors import InputError, WorkError
from segscope.inference import (
    load_model,
    load_weights,
    save_model,
)
from segscope.inference import weights as weights_module
from tests.inference.nets import random_model


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def folder(tmp_path):
    model = random_model(name="anunet", widths=(4, 8, 16))
    save_model(tmp_path / "run", model.spec, model.net)
    return tmp_path / "run"


def test_weights_that_are_not_numbers_are_refused(folder):
    state = load_weights(folder / "weights_best.safetensors")
    state["outputs.0.bias"][:] = torch.nan
    save_file(state, folder / "weights_best.safetensors")
    with pytest.raises(InputError, match=r"outputs\.0\.bias: holds NaN"):
        load_model(folder)


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), KeyboardInterrupt()],
    ids=["full disk", "interrupted"],
)
def test_a_failing_write_leaves_the_old_weights_whole(folder, monkeypatch, failure):
    before = {file: file.read_bytes() for file in folder.iterdir()}

    def half(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(weights_module, "save_file", half)
    model = load_model(folder)
    with pytest.raises((WorkError, KeyboardInterrupt)):
        save_model(folder, model.spec, model.net)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("zipped", [True, False])
def test_a_booby_trapped_torch_file_is_refused_and_nothing_happens(tmp_path, zipped):
    prey, file = tmp_path / "prey", tmp_path / "weights.pt"
    content = {"layer": torch.zeros(2), "trap": Trap(prey)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError) as caught:
        load_weights(file)
    assert "mkdir" in str(caught.value)
    assert not prey.exists()
    torch.load(file, weights_only=False)  # the trap is armed: this is what was refused
    assert prey.exists()


def test_a_raw_pickle_is_refused_and_nothing_happens(tmp_path):
    prey, file = tmp_path / "prey", tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps(Trap(prey)))
    with pytest.raises(InputError, match="more than weights"):
        load_weights(file)
    assert not prey.exists()


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "network_weights"])
def test_a_torch_file_of_tensors_is_read(tmp_path, key):
    state = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}
    torch.save(state if key is None else {key: state, "epoch": 3}, tmp_path / "w.pt")
    found = load_weights(tmp_path / "w.pt")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def save_as_nnunet(file, state, **more):
    """A checkpoint in the form of nnU-Net v2: NumPy's numbers among plain values."""
    log = {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)], "lrs": [0.01]}
    facts = {"network_weights": state, "grad_scaler_state": None, "logging": log,
             "_best_ema": np.float64(0.8), "current_epoch": np.int64(3), "trainer_name": "nnUNet",
             "init_args": {"fold": 0, "configuration": "3d_fullres"},
             "inference_allowed_mirroring_axes": (0, 1, 2), **more}  # fmt: skip
    torch.save(facts, file)


@pytest.mark.parametrize("numpy", [1, 2])
def test_nnunets_checkpoints_are_read(tmp_path, numpy):
    file = tmp_path / "checkpoint_final.pth"
    save_as_nnunet(file, {"a": torch.arange(3.0)})
    if numpy == 1:  # whose numbers name another module
        with zipfile.ZipFile(file) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        with zipfile.ZipFile(file, "w") as packed:
            for name, raw in parts.items():
                assert name[-8:] != "data.pkl" or b"numpy._core.multi" in raw
                packed.writestr(name, raw.replace(b"numpy._core.multi", b"numpy.core.multi"))
    assert torch.equal(load_weights(file)["a"], torch.arange(3.0))


def test_a_trap_among_nnunets_values_stays_closed_and_is_named_alone(tmp_path):
    file = tmp_path / "checkpoint_final.pth"
    save_as_nnunet(file, {"a": torch.arange(3.0)}, trap=Trap(tmp_path / "prey"))
    with pytest.raises(InputError, match=r"more than weights \(\w+\.mkdir\)"):
        load_weights(file)
    assert not (tmp_path / "prey").exists()


def test_a_damaged_or_unfit_torch_file_is_refused(tmp_path):
    file = tmp_path / "w.pt"
    torch.save({"a": torch.arange(300.0)}, file)
    whole = file.read_bytes()
    for content in (b"", b"junk", whole[:100], whole[:-30]):
        file.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            load_weights(file)
    for value in ([torch.zeros(1)], {}, {"a": 1}, torch.zeros(1)):
        torch.save(value, file)
        with pytest.raises(InputError, match="state dict"):
            load_weights(file)
    for name in ("none.pt", "none.safetensors"):
        with pytest.raises(InputError, match="no such file"):
            load_weights(tmp_path / name)
    (tmp_path / "w.h5").write_bytes(whole)
    with pytest.raises(InputError, match=r"weights are \.safetensors, \.pt, \.pth, \.ckpt"):
        load_weights(tmp_path / "w.h5")
