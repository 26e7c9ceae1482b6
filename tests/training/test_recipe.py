"""Recipes: typed, merged in the stated order, and every fault named at once."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from segscope.errors import InputError
from segscope.training import load_partial, parse_settings, plan_recipe, preset_names
from segscope.training.recipe import merge, read_recipe, recipe_from, recipe_to_yaml
from tests.synthetic import fingerprint_2d, fingerprint_3d

KEYS = [
    "network.widths=[4,8]",
    "train.epochs=3",
    "train.steps_per_epoch=7",
    "train.batch_size=1",
    "train.max_minutes=0.5",
]


def test_single_values_replace_planned_ones():
    recipe = plan_recipe(fingerprint_3d(), None, parse_settings(KEYS))
    assert recipe.network.widths == (4, 8)
    train = recipe.train
    assert (train.epochs, train.steps_per_epoch, train.batch_size) == (3, 7, 1)
    assert train.max_minutes == 0.5


def test_settings_win_over_the_preset_and_the_preset_over_the_plan():
    recipe = plan_recipe(fingerprint_3d(), load_partial("anunet_3d"), {"loss": {"name": "dice"}})
    assert (recipe.network.name, recipe.loss.name) == ("anunet", "dice")
    assert recipe.loss.options == {}, "options of the hybrid loss do not reach another loss"


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_plans_a_usable_recipe(name):
    assert plan_recipe(fingerprint_3d(), load_partial(name)).preset == name


def test_an_unknown_key_suggests_the_nearest():
    with pytest.raises(InputError, match=r"train\.epoch: unknown key, did you mean 'epochs'"):
        plan_recipe(fingerprint_3d(), None, {"train": {"epoch": 3}})


def test_all_faults_are_reported_at_once():
    bad = {"train": {"epochs": 0, "optimizer": "lion"}, "netwrok": {}}
    with pytest.raises(InputError) as caught:
        plan_recipe(fingerprint_3d(), None, bad)
    assert len(caught.value.problems) == 3
    assert "did you mean 'network'" in str(caught.value)


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'anunet'"):
        load_partial("anu_net")


def test_a_recipe_survives_its_own_file(tmp_path):
    recipe = plan_recipe(fingerprint_3d(), load_partial("anunet"))
    (tmp_path / "recipe.yaml").write_text(recipe_to_yaml(recipe))
    assert read_recipe(tmp_path / "recipe.yaml") == recipe


def test_a_yaml_file_cannot_build_objects(tmp_path):
    (tmp_path / "r.yaml").write_text("a: !!python/object/apply:os.mkdir ['trap']")
    with pytest.raises(InputError, match="not a YAML file"):
        load_partial(str(tmp_path / "r.yaml"))


@pytest.mark.parametrize("setting", ["train.epochs", "=3", "a=[1,"])
def test_a_setting_that_cannot_be_read_is_named(setting):
    with pytest.raises(InputError, match="--set"):
        parse_settings([setting])


def test_scientific_notation_is_a_number():
    assert parse_settings(["train.learning_rate=1e-3"])["train"]["learning_rate"] == 1e-3


@given(st.dictionaries(st.text(min_size=1), st.integers()))
def test_merging_nothing_changes_nothing(values):
    assert merge(values, {}) == values
    assert merge({}, values) == values


def test_recipe_errors_name_their_source():
    with pytest.raises(InputError, match=r"recipe \(x.yaml\)"):
        recipe_from(yaml.safe_load("patch: 3"), source="x.yaml")


@pytest.mark.parametrize(("said", "meant"), [("yes", "yes"), ("no", "no"), ("auto", "auto")])
def test_yes_and_no_are_words_although_yaml_reads_them_as_truth_values(said, meant):
    recipe = plan_recipe(fingerprint_2d(), None, parse_settings([f"train.compile={said}"]))
    assert recipe.train.compile == meant
