"""What all studies share: arms of presets, tables of estimates, the paper's numbers."""

import json
from types import SimpleNamespace

import pytest

from segscope.errors import InputError
from segscope.experiments.tables import differences_table, minutes, scores_table
from segscope.images import Case
from segscope.studies.declared import Asked, _draws, arm_of, run_declared, write_facts
from tests.experiments.outcomes import outcome

BUDGETS = {"minutes": {"train": {"epochs": 2, "batch_size": 8}}}


def test_the_users_values_come_last_and_the_budgets_before():
    arm = arm_of("a", {"train": {"epochs": 9, "seed": 1}, "patch": [4]}, BUDGETS,
                 Asked(settings={"train": {"batch_size": 3}}))  # fmt: skip
    assert arm.recipe == {"train": {"epochs": 2, "seed": 1, "batch_size": 3}, "patch": [4]}
    with pytest.raises(InputError, match="--budget years: expected one of minutes"):
        arm_of("a", {}, BUDGETS, Asked(budget="years"))


def test_draws_are_folds_or_one_value_of_a_column_each(tmp_path):
    rows = "".join(f"c{k},{'AB'[k % 2]}\n" for k in range(6))
    (tmp_path / "cases.csv").write_text(f"case,centre\n{rows}")
    cases = tuple(Case(f"c{k}", (), tmp_path / "truth") for k in range(6))
    dataset = SimpleNamespace(folder=tmp_path, training=cases)
    assert [draw.name for draw in _draws(dataset, Asked(folds=2))] == ["seed0_fold0", "seed0_fold1"]
    by_centre = _draws(dataset, Asked(split="centre", folds=3))
    assert [draw.test for draw in by_centre] == [("c0", "c2", "c4"), ("c1", "c3", "c5")]


def test_a_study_of_the_old_form_is_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="a study of an older version"):
        run_declared(None, tmp_path, [], Asked(), metrics=(), reference="", paper=None)


def test_scores_stand_in_the_arms_order_with_what_is_beside():
    table = scores_table(outcome(), "Here.", names={"both": "Both"}, extra={"image": [7]},
                         columns=["more"])  # fmt: skip
    assert list(table.columns) == ["", "dice", "subjects", "undefined", "minutes", "more"]
    image, both = table.rows
    # sd of 0 to 7 is the square root of 6, in hundredths
    assert image[1].startswith("0.635, 0.0245 (")
    assert (image[0], image[2:4], image[5]) == ("image", [8, 0], 7)
    assert both[0] == "Both"
    assert both[1].startswith("0.685, ")


def test_differences_say_whether_one_is_shown():
    table = differences_table(outcome().of_size(1).differences("dice"), "Here.")
    assert list(table.columns) == ["", "less image", "p (Holm)", ""]
    assert table.rows[0][0] == "both"
    assert table.rows[0][3] == "differs"
    assert differences_table([], "None.").rows == []


def test_minutes_are_the_mean_of_trainings():
    found = outcome()
    found.costs["image"] = ({"draw": "x", "minutes": 2}, {"draw": "y", "minutes": 4.0})
    assert minutes(found, "image") == 3


def test_facts_hold_the_outcome_and_the_studys_own(tmp_path):
    write_facts(tmp_path, "own", outcome(), layers=[1])
    facts = json.loads((tmp_path / "study.json").read_text())
    assert (facts["study"], facts["layers"], facts["reference"]) == ("own", [1], "image")
