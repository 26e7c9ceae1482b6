"""Model folders: what was saved comes back; what does not fit is refused; nothing foreign runs."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from segscope.errors import InputError, WorkError
from segscope.inference import (
    ModelSpec,
    choose_device,
    load_model,
    load_weights,
    parse_level,
    read_spec,
    save_model,
)
from segscope.inference import weights as weights_module
from tests.inference.nets import random_model, spec_of


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


def test_a_saved_network_gives_the_same_logits_after_loading(folder):
    saved = random_model(name="anunet", widths=(4, 8, 16))
    loaded = load_model(folder)
    x = torch.randn(1, 1, 8, 8)
    assert loaded.spec == saved.spec
    assert torch.equal(loaded.net(x), saved.net(x))
    assert not loaded.net.training


def test_a_network_and_its_state_dict_are_saved_alike(folder, tmp_path):
    model = load_model(folder)
    save_model(tmp_path / "other", model.spec, model.net.state_dict(), name="last")
    again = load_model(tmp_path / "other", weights="last")
    assert again.weights_sha256 == model.weights_sha256 != ""


def test_loading_does_not_move_the_random_numbers_of_the_caller(folder):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    load_model(folder, level=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_level_is_the_head_of_that_level_bit_for_bit(folder):
    x = torch.randn(1, 1, 8, 8)
    heads = load_model(folder).net.heads(x)
    for level in (1, 2):
        assert torch.equal(load_model(folder, level=level).net(x), heads[level - 1])


def test_fast_changes_the_memory_order_and_not_the_answer(folder):
    x = torch.randn(1, 1, 8, 8)
    model = load_model(folder, fast=True)
    weight = next(p for p in model.net.parameters() if p.ndim == 4 and min(p.shape[:2]) > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model.net(x), load_model(folder).net(x))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"weights": "last"}, ["weights_last.safetensors", "there are best"]),
        ({"level": 3}, ["--level L3", "L1 to L2"]),
        ({"level": 0}, ["--level L0", "L1 to L2"]),
        ({"device": "cuda:7"}, ["--device cuda:7", "here are cpu"]),
        ({"device": "cuda:"}, ["--device cuda:"]),
        ({"device": "gpu"}, ["--device gpu", "here are cpu"]),
    ],
)
def test_what_is_not_there_is_named_with_what_is(folder, call, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError) as caught:
        load_model(folder, **call)
    assert all(word in str(caught.value) for word in words)


def test_the_second_of_two_gpus_is_accepted_and_a_third_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match="cuda:0 to cuda:1"):
        choose_device("cuda:2")


def test_a_network_without_levels_cannot_be_pruned(tmp_path):
    model = random_model()
    save_model(tmp_path, model.spec, model.net)
    with pytest.raises(InputError, match="UNet has no levels"):
        load_model(tmp_path, level=1)


@pytest.mark.parametrize("text", ["X", "L", "", "L-1", "1.5", "L²"])
def test_a_level_that_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="L1, L2, L3 or L4"):
        parse_level(text)


def test_a_folder_without_a_model_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=r"model\.json; name the folder of a run"):
            load_model(place)


def test_a_truncated_file_of_weights_is_refused_at_every_length(folder):
    file = folder / "weights_best.safetensors"
    whole = file.read_bytes()
    for length in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            load_model(folder)


def test_weights_of_another_network_are_refused_with_the_first_differences(folder):
    other = random_model(name="anunet", widths=(4, 8, 12)).net.state_dict()
    other["extra"] = torch.zeros(1)
    del other["outputs.0.bias"]
    save_file(other, folder / "weights_best.safetensors")
    with pytest.raises(InputError) as caught:
        load_model(folder)
    assert "outputs.0.bias: is missing" in caught.value.problems
    assert "extra: the network has no such tensor" in caught.value.problems
    assert any("shape (16," in line and "(12," in line for line in caught.value.problems)
    assert caught.value.problems[-1].startswith("and ")
    assert len(caught.value.problems) == 6


def test_weights_that_are_not_numbers_are_refused(folder):
    state = load_weights(folder / "weights_best.safetensors")
    state["outputs.0.bias"][:] = torch.nan
    save_file(state, folder / "weights_best.safetensors")
    with pytest.raises(InputError, match=r"outputs\.0\.bias: holds NaN"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format"),
        ({"unknown": 1}, "unknown"),
        ({"patch": [16]}, "patch"),
        ({"patch": [16, 0]}, "patch"),
        ({"labels": {"background": 0}}, "labels"),
        ({"channel_names": ["a", "b"]}, "2"),
        ({"mirror_axes": [2]}, "mirror_axes"),
        ({"network": {"name": "unet"}}, "network.in_channels"),
    ],
)
def test_a_model_file_that_contradicts_itself_is_refused(folder, change, words):
    facts = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(facts | change))
    with pytest.raises(InputError, match=r"model\.json") as caught:
        read_spec(folder)
    assert words in "\n".join(caught.value.problems)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_a_model_file_that_is_no_model_is_refused(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(InputError, match=r"model\.json"):
        read_spec(folder)


def test_an_unknown_network_or_option_is_refused(folder):
    facts = json.loads((folder / "model.json").read_text())
    for change in ({"name": "nonet"}, {"options": {"width": [4, 8]}}):
        changed = facts | {"network": facts["network"] | change}
        (folder / "model.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match="cannot build the network"):
            load_model(folder)


def test_a_specification_is_frozen_and_survives_json():
    spec = spec_of(2, image_dims=3, slice_axis=2)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError):
        spec.patch = (8, 8)


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
