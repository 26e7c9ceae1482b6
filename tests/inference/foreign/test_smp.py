"""Folders of segmentation_models_pytorch: classes of a list, arguments that are values."""

import json
import shutil

import pytest

from segscope.errors import InputError
from segscope.inference.foreign import smp
from segscope.inference.foreign.smp import is_smp, read_smp


@pytest.fixture
def folder(shared_models, tmp_path):
    target = tmp_path / "model"
    shutil.copytree(shared_models / "smp_unet" / "model", target, copy_function=shutil.copyfile)
    target.chmod(0o755)
    return target


def change(folder, **values):
    file = folder / "config.json"
    facts = json.loads(file.read_text()) | values
    file.write_text(json.dumps({k: v for k, v in facts.items() if v is not KeyError}))


def test_the_encoder_is_never_fetched_and_its_images_are_offered(folder):
    change(folder, encoder_weights="imagenet")
    body = read_smp(folder)
    assert body.imagenet
    assert (body.in_channels, body.out_channels, body.multiple) == (3, 1, (32, 32))


def test_an_activation_makes_probabilities(folder):
    change(folder, activation="sigmoid")
    assert read_smp(folder).output == "probabilities"


@pytest.mark.parametrize("values, said", [
    ({"_model_class": "os.system"}, r"os\.system"),
    ({"_model_class": "torch"}, "'torch'"),
    ({"classes": 5}, "does not fit"),
    ({"encoder_name": "no-such-encoder"}, "no-such-encoder"),
    ({"wrong": 1}, "wrong"),
    ({"activation": "identity"}, "neither logits nor probabilities"),
])  # fmt: skip
def test_other_classes_and_arguments_are_refused_by_name(values, said, folder):
    change(folder, **values)
    with pytest.raises(InputError, match=said):
        read_smp(folder)


def test_damaged_weights_are_refused_by_their_name(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"model\.safetensors: is damaged"):
        read_smp(folder)
    file.unlink()
    with pytest.raises(InputError, match=r"holds no model\.safetensors"):
        read_smp(folder)


def test_a_missing_library_is_named_with_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(smp, "_PACKAGE", "no_such_library")
    with pytest.raises(InputError, match=r"pip install segscope\[smp\]"):
        read_smp(folder)


def test_only_folders_with_a_class_are_such(folder, tmp_path):
    assert is_smp(folder)
    change(folder, _model_class=KeyError)
    assert not is_smp(folder)
    (folder / "config.json").write_text("{")
    assert not is_smp(folder)
