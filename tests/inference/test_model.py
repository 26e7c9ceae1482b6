"""Model folders: what was saved comes back; what does not fit is refused; nothing foreign runs."""

import json

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from segscope.errors import InputError
from segscope.inference import (
    ModelSpec,
    load_model,
    parse_level,
    read_spec,
    save_model,
)
from tests.inference.nets import random_model, spec_of


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
