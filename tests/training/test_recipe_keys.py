"""Keys of a recipe with their meaning, presets, and the schema for editors."""

import json

import pytest
import yaml

from segscope.errors import InputError
from segscope.training import parse_settings, plan_recipe, preset_names
from segscope.training.recipe import recipe_from
from segscope.training.recipe_keys import (
    FIXED,
    PLANNED,
    preset_text,
    presets,
    recipe_keys,
    recipe_schema,
)
from tests.synthetic import fingerprint_2d, fingerprint_3d

RECIPES = [plan_recipe(f()).model_dump(mode="json") for f in (fingerprint_2d, fingerprint_3d)]
ONLY_PLANNED_WITH = {"preprocessing.ct_window", "preprocessing.scheme", "augment.preset"}


def leaves(values, before=""):
    for name, value in values.items():
        if before == "" and isinstance(value, dict) and name != "packages":
            yield from leaves(value, f"{name}.")
        else:
            yield f"{before}{name}", value


def test_keys_are_those_of_a_planned_recipe_each_with_a_meaning():
    known = {key.path: key for key in recipe_keys()}
    assert len(known) == len(recipe_keys())
    found = {path for path, _ in leaves(RECIPES[1])}
    others = {path for path in known if path.startswith("mask.")} | ONLY_PLANNED_WITH
    assert found - {"mask"} <= set(known)
    # written only where they say something
    unsaid = {"packages", "loss.soft_labels", "preprocessing.crop_mm", "preprocessing.frame"}
    assert set(known) - found - others <= unsaid
    for key in known.values():
        assert key.kind
        assert len(key.meaning) >= 8, key
        assert "above" not in key.meaning, key


def test_defaults_are_what_an_untouched_plan_has():
    planned = [dict(leaves(recipe)) for recipe in RECIPES]
    for key in recipe_keys():
        if key.default in ("planned", "-", "needed") or key.path.startswith("mask."):
            continue
        for values in planned:
            if key.path in values:
                value = values[key.path]
                assert key.default == ("null" if value is None else str(value)), key.path
    assert {key.path for key in recipe_keys() if key.default == "planned"} == PLANNED
    assert FIXED.keys() <= planned[0].keys()


def test_types_and_bounds_are_said():
    known = {key.path: key for key in recipe_keys()}
    assert known["train.max_minutes"].kind == "float or null > 0"
    assert known["network.norm"].kind == "batch | instance | group"
    assert known["network.strides"].kind == "[[int, ...], ...] or null"
    assert known["train.foreground_share"].kind == "float >= 0 <= 1"
    assert known["augment.noise_share"].meaning == (
        "Share with Gaussian noise of up to noise_sd (in normalised units)."
    )


def test_a_word_is_looked_for_in_names_and_meanings():
    assert [key.path for key in recipe_keys("nesterov")] == ["train.optimizer"]
    assert "network.widths" in [key.path for key in recipe_keys("Widths")]
    with pytest.raises(InputError, match=r"did you mean 'train\.learning_rate'"):
        recipe_keys("lerning_rate")


def test_presets_have_a_sentence_and_their_text():
    found = presets()
    assert tuple(found) == preset_names()
    assert all(said.endswith(".") and "#" not in said for said in found.values())
    assert found["siamese"].endswith("Adam at 1e-3.")
    assert yaml.safe_load(preset_text("anunet"))["network"]["name"] == "anunet"
    with pytest.raises(InputError, match="did you mean 'anunet'"):
        preset_text("anunt")


def test_the_schema_takes_what_is_right_and_finds_what_is_wrong():
    import jsonschema

    schema = json.loads(json.dumps(recipe_schema()))
    check = jsonschema.Draft202012Validator(schema)
    for name in preset_names():
        assert not list(check.iter_errors(yaml.safe_load(preset_text(name)))), name
    assert not list(check.iter_errors(RECIPES[0]))
    assert not list(check.iter_errors({"patch": 64}))
    for wrong in ({"train": {"epoch": 3}}, {"network": {"norm": "layer"}}, {"patch": "big"}):
        assert list(check.iter_errors(wrong)), wrong


def test_the_schema_says_what_keys_mean():
    schema = recipe_schema()
    train = schema["$defs"]["TrainRecipe"]["properties"]
    assert train["patience"]["description"].startswith("Epochs without a better")
    assert schema["properties"]["patch"]["description"].startswith("Size of a training sample")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epochs=3", "did you mean 'train.epochs'"),
        ("train.norm=batch", "did you mean 'network.norm'"),
        ("train.epoch=3", "did you mean 'epochs'"),
    ],
)
def test_a_key_in_the_wrong_place_is_sent_to_the_right_one(setting, said):
    with pytest.raises(InputError, match=said):
        recipe_from({**RECIPES[0], **merged(setting)}, source="x")


def merged(setting):
    values = parse_settings([setting])
    return {k: {**RECIPES[0][k], **v} if isinstance(v, dict) else v for k, v in values.items()}
