"""Tables of a study's page from scores that are written down here."""

import math

from segscope.experiments import Arm, Draw, Experiment, Outcome, Trial
from segscope.experiments.statistics import Difference, Estimate
from segscope.experiments.tables import (
    differences_table,
    headed,
    minutes,
    scores_table,
    trained_as,
)

RECIPE = {"train": {"epochs": 3, "steps_per_epoch": 5, "batch_size": 2}, "patch": (8, 8),
          "network": {"widths": (4, 6)}}  # fmt: skip


def outcome():
    draw = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c", "e"))
    arms = (Arm(name="one"), Arm(name="two"), Arm(name="not done"))
    asked = Experiment(dataset="d", content="c", arms=arms, draws=(draw,), reference="one",
                       metrics=("hd95_mm",))  # fmt: skip
    values = {"one": (1.0, 3.0), "two": (5.0, math.nan)}
    rows = [
        {"arm": arm, "draw": "d", "case": c, "subject": c, "label": "l", "hd95_mm": value}
        for arm, both in values.items() for c, value in zip("ce", both, strict=True)
    ]  # fmt: skip
    costs = {"one": ({"draw": "d", "minutes": 1.0}, {"draw": "x", "minutes": 2.0})}
    return Outcome(asked, tuple(rows), costs, (), (Trial(arms[0], draw, RECIPE, "d", "c"),))


def test_scores_stand_in_the_arms_order_with_what_is_undefined():
    table = scores_table(outcome(), "Said.", names={"one": "First"}, extra={"one": [7]},
                         columns=["more"])  # fmt: skip
    assert table.columns == ["", "hd95 mm", "subjects", "undefined", "minutes", "more"]
    first, second = table.rows
    assert first[0] == "First"
    assert first[1].startswith("2, 1.41 (1")  # mean of 1 and 3, sd the root of 2
    assert first[2:] == [2, 0, 1.5, 7]
    assert second[:4] == ["two", "5", 1, 1]
    assert math.isnan(second[4])
    assert math.isnan(minutes(outcome(), "two"))


def test_what_is_not_shown_is_said():
    low = Estimate(0.1, -0.1, 0.3, 0.1, 9, 0)
    rows = differences_table([Difference("b", "a", low, 0.5, 0.5)], "Said.").rows
    assert rows == [["b", "0.1 (-0.1 to 0.3, n 9)", 0.5, "no difference shown"]]
    assert differences_table([], "Said.").rows == []


def test_rows_are_named_and_training_is_told():
    assert headed(["a", "b"], {"x": [1]}, "c").rows == [["x", 1]]
    assert trained_as(outcome()) == "3 epochs of 5 steps, batch 2, patch [8, 8], widths [4, 6]"
