"""Files of weights as training programs leave them: one set is taken, of several none."""

import json
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from segscope.errors import InputError
from segscope.features.state_files import read_weights

STATE = {"conv.weight": torch.arange(4.0).reshape(2, 2), "conv.bias": torch.ones(2)}
OTHER = {name: value + 1 for name, value in STATE.items()}
ADAM = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(2, 2)}}, "param_groups": []}


def same(found, state=STATE):
    return found.keys() == state.keys() and all(torch.equal(found[k], state[k]) for k in state)


@pytest.mark.parametrize(
    "key",
    ["state_dict", "model_state_dict", "network_weights", "model", "net", "network", "ema",
     "ema_model", "weights", "params", "generator", "model_state"],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["pt", "ckpt", "bin", "pth.tar"])
def test_weights_under_a_name_are_taken_and_it_is_said(tmp_path, key, ending):
    file = tmp_path / f"w.{ending}"
    torch.save({"epoch": 3, key: STATE, "optimizer": ADAM, "loss": torch.tensor(0.5)}, file)
    found = read_weights(file)
    assert same(found)
    assert found.notes == (f"{file}: the weights under {key!r} were taken",)


def test_weights_two_names_deep_are_taken(tmp_path):
    torch.save({"model": {"state_dict": OrderedDict(STATE)}}, tmp_path / "w.pt")
    found = read_weights(tmp_path / "w.pt")
    assert same(found)
    assert "'model.state_dict'" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": STATE, "ema": OTHER}, "model, ema"),
        ({"state_dict": STATE, "state_dict_ema": OTHER}, "state_dict, state_dict_ema"),
        ({"generator": STATE, "discriminator": OTHER}, "generator, discriminator"),
        ({"model": STATE, "swa": {f"module.{k}": v for k, v in OTHER.items()}}, "model, swa"),
        ({"model": STATE, **OTHER}, "model, at the top"),
    ],
    ids=["average", "timm", "two-networks", "unknown-name", "flat"],
)
def test_several_sets_of_weights_are_not_chosen_from(tmp_path, content, said):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"several sets of weights") as caught:
        read_weights(tmp_path / "w.pt")
    first = said.split(", ")[0]
    assert f"({said})" in str(caught.value)
    assert f'torch.save(checkpoint["{first}"], ...)' in str(caught.value)


def test_flat_weights_beside_other_values_are_taken_and_it_is_said(tmp_path):
    torch.save({**STATE, "epoch": 3, "optimizer": ADAM}, tmp_path / "w.pt")
    found = read_weights(tmp_path / "w.pt")
    assert same(found)
    assert found.notes[0].endswith("what is no tensor was left out (epoch, optimizer)")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "history": [1, 2]}, "it has epoch, history"),
        ({"backbone": STATE, "epoch": 1}, "it has backbone, epoch"),
        ({}, "it has no keys"),
        ({0: torch.ones(1)}, "it has 0"),
        ([torch.ones(1)], "it holds a list"),
        (torch.ones(1), "it holds a Tensor"),
        ({"model": None}, "it has model"),
        ({"state_dict": {}}, "it has state_dict"),
    ],
    ids=["none", "unknown-name", "empty", "numbered", "list", "tensor", "null", "empty-inside"],
)
def test_what_is_there_instead_is_named(tmp_path, content, said):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match="is not a state dict of tensors") as caught:
        read_weights(tmp_path / "w.pt")
    assert said in str(caught.value)


def test_a_whole_network_is_refused(tmp_path):
    torch.save(nn.Linear(1, 1), tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"more than weights \(.*Linear"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_program_is_refused(tmp_path):
    torch.jit.trace(nn.Linear(1, 1), torch.ones(1, 1)).save(tmp_path / "w.pt")
    with pytest.raises(InputError, match="is a TorchScript program"):
        read_weights(tmp_path / "w.pt")


def test_torchs_older_form_and_safetensors_of_another_ending_are_read(tmp_path):
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(STATE, tmp_path / "new.bin", metadata={"format": "pt"})
    assert same(read_weights(tmp_path / "old.pth"))
    assert same(read_weights(tmp_path / "old.pth", mapped=True))
    assert same(read_weights(tmp_path / "new.bin"))
    assert read_weights(tmp_path / "new.bin").facts == {"format": "pt"}


def test_another_ending_is_refused(tmp_path):
    for name in ("w.h5", "w.onnx", "w"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match=r"weights are \.safetensors, \.pt, \.pth, \.ckpt"):
            read_weights(tmp_path / name)


def test_headers_that_claim_more_than_the_file_holds_are_refused(tmp_path):
    claims = {"a": {"dtype": "F32", "shape": [1 << 38], "data_offsets": [0, 1 << 40]}}
    header = json.dumps(claims).encode()
    file = tmp_path / "w.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)
    with pytest.raises(InputError, match="is damaged"):
        read_weights(file)
    file.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(InputError, match="is damaged"):
        read_weights(file)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1 << 20)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt") as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in parts.items():
            packed.writestr(name, raw)
    with pytest.raises(InputError, match="and unpacks to"):
        read_weights(tmp_path / "w.pt")


def test_kinds_of_numbers_that_torch_lacks_are_a_damaged_file(tmp_path):
    header = json.dumps({"a": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}}).encode()
    file = tmp_path / "w.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(InputError, match="is damaged"):
        read_weights(file)
