"""Recipes of classifiers: defaults, faults, and the file in a run."""

import pytest
import yaml

from segscope.errors import InputError
from segscope.training.classify_recipe import classify_recipe, read_classify_recipe


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"epoch": 3}, "epoch: .*there are format, network"), ({"epochs": 0}, "epochs: "),
     ({"batch_size": 1}, "batch_size: "), ({"val_share": 0.6}, "val_share: "),
     ({"learning_rate": float("nan")}, "learning_rate: "), ({"size": (32,)}, "size"),
     ({"schedule": "step"}, "schedule: "), ({"max_minutes": 0}, "max_minutes: ")],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_unusable_values_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        classify_recipe(settings)


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError) as caught:
        classify_recipe({"epochs": 0, "seed": -1})
    assert "epochs: " in str(caught.value)
    assert "seed: " in str(caught.value)


def test_a_runs_recipe_comes_back_and_must_be_whole(tmp_path):
    recipe = classify_recipe({"network": "densenet121", "size": (64, 48), "seed": 3})
    file = tmp_path / "recipe.yaml"
    whole = recipe.model_dump(mode="json")
    file.write_text(yaml.safe_dump(whole))
    assert read_classify_recipe(tmp_path) == recipe
    del whole["flips"]
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(InputError, match=r"recipe\.yaml: is not whole(.|\n)*flips: is missing"):
        read_classify_recipe(tmp_path)


@pytest.mark.parametrize(("text", "words"), [(None, "is missing; name a run"),
                                             ("- 1", "is no recipe .a list.")])  # fmt: skip
def test_what_is_no_recipe_is_refused(tmp_path, text, words):
    if text is not None:
        (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_classify_recipe(tmp_path)
