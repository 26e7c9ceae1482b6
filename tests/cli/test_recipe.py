"""``segscope recipe``: what can be asked for, and how."""

import json

import pytest
import yaml

from tests.commands import call


def test_presets_are_listed_and_shown(capsys):
    code, out, _ = call(capsys, "recipe", "list")
    assert code == 0
    assert "default            Everything is planned from the dataset's fingerprint." in out
    assert "anunet" in json.loads(call(capsys, "recipe", "list", "--json")[1])
    code, out, _ = call(capsys, "recipe", "show", "anunet_3d")
    assert (code, yaml.safe_load(out)["loss"]["name"]) == (0, "hybrid")


def test_keys_are_explained(capsys):
    code, out, _ = call(capsys, "recipe", "keys", "patience")
    assert code == 0
    assert out.startswith("train.patience  (int >= 0; default 0)\n    Epochs without")
    rows = json.loads(call(capsys, "recipe", "keys", "--json")[1])
    assert {"path", "kind", "default", "meaning"} == set(rows[0])
    assert json.loads(call(capsys, "recipe", "schema")[1])["$defs"]["TrainRecipe"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["keys", "widhts"], "did you mean 'network.widths'"), (["show", "unte"], "'unet'")],
    ids=["key", "preset"],
)
def test_a_wrong_name_offers_the_nearest(capsys, words, said):
    code, _, err = call(capsys, "recipe", *words)
    assert code == 2
    assert said in err


def test_training_names_the_commands(capsys):
    out = " ".join(call(capsys, "train", "--help")[1].replace("│", " ").split())
    assert "segscope recipe list" in out
    assert "segscope recipe keys" in out
