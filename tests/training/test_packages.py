"""A recipe notes which packages it takes things from, and only then has such a key."""

import logging

import pytest

from segscope.errors import InputError
from segscope.training import plan_recipe
from segscope.training.packages import note_packages
from segscope.training.recipe import read_recipe, recipe_to_yaml
from tests.packages import OWN, OWN_ENTRIES, install
from tests.synthetic import fingerprint_2d

OTHERS = {"network": {"name": "plain_net"}, "loss": {"plus": {"brier": 0.5}}}


@pytest.fixture
def site(tmp_path, monkeypatch):
    install(tmp_path / "site", "own-things", OWN, OWN_ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path


def test_a_recipe_of_segscopes_own_things_has_no_such_key(site):
    recipe = plan_recipe(fingerprint_2d())
    assert recipe.packages == {}
    assert "packages" not in recipe_to_yaml(recipe)


def test_packages_are_noted_and_read_again(site, tmp_path):
    recipe = plan_recipe(fingerprint_2d(), OTHERS)
    noted = {"network plain_net": "own-things==1.2", "loss brier": "own-things==1.2"}
    assert recipe.packages == noted
    (tmp_path / "recipe.yaml").write_text(recipe_to_yaml(recipe))
    assert read_recipe(tmp_path / "recipe.yaml") == recipe
    assert plan_recipe(fingerprint_2d(), recipe.model_dump(), {"network": {"name": "unet"}}) \
        .packages == {"loss brier": "own-things==1.2"}  # fmt: skip


def test_another_version_is_said_and_another_package_refused(site, caplog):
    recipe = plan_recipe(fingerprint_2d(), OTHERS)
    older = recipe.model_copy(update={"packages": {"network plain_net": "own-things==1.0"}})
    with caplog.at_level(logging.WARNING):
        assert note_packages(older).packages == recipe.packages
    assert "was of own-things==1.0 when this was made, and is of own-things==1.2" in caplog.text
    other = recipe.model_copy(update={"packages": {"loss brier": "brier-loss==2"}})
    with pytest.raises(InputError, match=r"pip install brier-loss==2"):
        note_packages(other)
