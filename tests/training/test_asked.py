"""What is asked for against what a run has."""

import pytest

from segscope.errors import InputError
from segscope.training import other_values, refuse_others

RUN = {"patch": [8, 8], "loss": {"name": "dice", "options": {"a": 1}}, "train": {"epochs": 3}}


def test_only_what_is_named_is_compared():
    planned = {**RUN, "patch": [9, 9], "train": {"epochs": 3, "batch_size": 9}}
    assert other_values({"train": {"epochs": 3}}, planned, RUN) == []
    assert other_values({}, planned, RUN) == []
    assert other_values({"patch": [9, 9]}, planned, RUN) == [
        "patch: the run has [8, 8], asked for is [9, 9]"
    ]


def test_what_only_planning_knows_shows_in_its_section():
    planned = {**RUN, "loss": {"name": "dice", "options": {"a": 2}}}
    assert other_values({"loss": {"options": {"auto": 7}}}, planned, RUN) == [
        "loss.options: the run has {'a': 1}, asked for is {'a': 2}"
    ]


def test_lines_are_one_refusal(tmp_path):
    refuse_others(tmp_path, [])
    with pytest.raises(InputError, match=r"(?s)was begun otherwise.*one.*two"):
        refuse_others(tmp_path, ["one", "two"])
