"""``--arm`` in all its forms."""

import pytest

from segscope.errors import InputError
from segscope.experiments import parse_arm


def test_a_network_a_preset_and_settings():
    assert parse_arm("unetplusplus").recipe == {"network": {"name": "unetplusplus"}}
    assert parse_arm("a=anunet").recipe["preset"] == "anunet"
    found = parse_arm("tv: loss.name=tversky train.epochs=3")
    assert found.name == "tv"
    assert found.recipe == {"loss": {"name": "tversky"}, "train": {"epochs": 3}}
    assert parse_arm("tv=loss.name=tversky").recipe == {"loss": {"name": "tversky"}}


def test_a_file_is_taken_in_so_that_the_experiment_is_whole(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {epochs: 7}")
    found = parse_arm(f"mine={tmp_path / 'mine.yaml'}")
    assert found.recipe == {"train": {"epochs": 7}}


def test_runs_and_predictions_are_folders(tmp_path):
    assert parse_arm(f"r=run:{tmp_path}").kind == "run"
    assert parse_arm(f"p=predictions:{tmp_path}").folder == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "no network"),
        ("a=none.yaml", "no network"),
        ("a=run:none", "is no folder"),
        ("a/b: train.epochs=1", "possible are"),
        ("", "no network"),
    ],
    ids=["no such network", "no such file", "no such run", "a name with a slash", "no text"],
)
def test_other_forms_are_refused_with_those_that_are_possible(text, words):
    with pytest.raises(InputError, match=words):
        parse_arm(text)
