"""VGG19's first layers: weights from files, a cache or the net, and what is refused."""

import urllib.error

import pytest
import torch
from safetensors.torch import save_file

from segscope.errors import InputError
from segscope.losses.content import ContentLoss
from segscope.losses.vgg import HUB, VGG19Features
from tests.losses.vgg_states import torchvision_state, whole_state


def test_random_weights_are_seeded_and_leave_the_callers_random_state_alone():
    before = torch.random.get_rng_state()
    one, same, other = (VGG19Features("random", seed=s).state_dict() for s in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not torch.equal(one["features.0.weight"], other["features.0.weight"])
    assert all(value.abs().max() < 10 for value in one.values())
    assert VGG19Features("random", seed=3).source == "random (seed 3)"


@pytest.mark.parametrize("kind", ["safetensors", "pt", "pth", "legacy", "nested"])
def test_weights_come_from_files_in_torchvisions_layout(kind, tmp_path):
    state = whole_state()
    file = tmp_path / f"vgg.{'pth' if kind in ('legacy', 'nested') else kind}"
    if kind == "safetensors":
        save_file(state, file)
    else:
        found = {"state_dict": state, "epoch": 3} if kind == "nested" else state
        torch.save(found, file, _use_new_zipfile_serialization=kind != "legacy")
    phi = VGG19Features(str(file))
    assert phi.source == str(file)
    assert list(phi.state_dict()) == list(torchvision_state())
    assert all(torch.equal(value, state[name]) for name, value in phi.state_dict().items())
    assert not any(p.requires_grad for p in phi.parameters())


def test_wrapped_and_double_weights_are_taken_and_it_is_said():
    state = whole_state()
    phi = VGG19Features({f"module.{name}": value.double() for name, value in state.items()})
    assert phi.notes == [
        "a prefix was taken off its names",
        "its torch.float64 numbers were converted",
    ]
    assert all(torch.equal(value, state[name]) for name, value in phi.state_dict().items())
    assert VGG19Features(state).notes == []
    with pytest.raises(InputError) as error:
        VGG19Features({name: value.to(torch.int8) for name, value in state.items()})
    assert "features.0.bias: float32 expected, int8 found" in error.value.problems


def test_what_does_not_fit_is_named():
    state = torchvision_state()
    del state["features.2.bias"]
    state["features.5.weight"] = torch.zeros(3, 3)
    state["features.7.bias"][4] = float("nan")
    state["features.1.weight"] = torch.zeros(64)
    with pytest.raises(InputError) as error:
        ContentLoss(weights=state)
    assert sorted(error.value.problems) == [
        "features.1.weight: VGG19 has no such tensor",
        "features.2.bias: is missing",
        "features.5.weight: shape (128, 64, 3, 3) expected, (3, 3) found",
        "features.7.bias: holds NaN or infinities",
    ]


def test_other_networks_are_refused_even_where_their_first_layers_look_the_same():
    vgg16 = torchvision_state() | {"features.17.weight": torch.zeros(1)}
    with pytest.raises(InputError, match=r"features\.17\.weight: VGG19 has no such tensor"):
        VGG19Features(vgg16)
    with pytest.raises(InputError, match=r"and \d+ more"):
        VGG19Features({f"layer{k}": torch.zeros(1) for k in range(9)})


class Trap:
    def __reduce__(self):
        return (print, ("pickled code has run",))


def test_pickled_objects_are_refused_and_never_run(tmp_path, capsys):
    file = tmp_path / "trap.pth"
    torch.save(torchvision_state() | {"extra": Trap()}, file)
    with pytest.raises(InputError, match="run code and is never loaded"):
        VGG19Features(file)
    assert "has run" not in capsys.readouterr().out


def test_files_that_cannot_be_used_are_named(tmp_path):
    for name, words in (("a.pt", "is damaged"), ("a.safetensors", "is damaged")):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match=words):
            VGG19Features(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="not a state dict"):
        VGG19Features(tmp_path / "list.pt")
    with pytest.raises(InputError, match="no such file"):
        VGG19Features(tmp_path / "absent.pth")
    with pytest.raises(InputError, match=r"weights are imagenet, random, or a \.safetensors"):
        VGG19Features("imagnet")


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_name_is_found_in_the_cache(ending, tmp_path, monkeypatch):
    file = tmp_path / f"vgg19-dcbb9e9d.{ending}"
    (save_file if ending == "safetensors" else torch.save)(torchvision_state(), file)
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    assert ContentLoss(cache=tmp_path).phi.source == f"imagenet ({file})"


def test_a_name_is_looked_for_where_torch_hub_keeps_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(torchvision_state(), folder / "vgg19-dcbb9e9d.pth")
    assert "imagenet" in VGG19Features("imagenet").source


def test_a_name_is_downloaded_once_and_checked_by_its_hash(tmp_path, monkeypatch):
    calls = []

    def download(url, dst, hash_prefix, progress):
        calls.append((url, hash_prefix))
        torch.save(torchvision_state(), dst)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    for _ in range(2):
        VGG19Features("imagenet", cache=tmp_path / "new")
    assert calls == [(HUB["imagenet"], "dcbb9e9d")]


@pytest.mark.parametrize(
    "failure", [urllib.error.URLError("no route"), RuntimeError("invalid hash value")]
)
def test_without_a_network_it_says_how_to_get_the_weights(failure, tmp_path, monkeypatch):
    def download(*_, **__):
        raise failure

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(InputError) as error:
        ContentLoss(cache=tmp_path)
    for words in (HUB["imagenet"], str(tmp_path), str(failure), 'weights="random"'):
        assert words in str(error.value)
