"""The table of trust: worst first, every column in every row, nothing without facts."""

import csv

from segscope.inference import Predicted
from segscope.workflows.predict_trust import count_verdicts, trust_rows, write_trust


def case(verdict, dice, **more):
    return {
        "verdict": verdict, "predicted_dice": dice, "lower": 0.1, "upper": 0.9,
        "reasons": ["one", "two"], "scores": {"sdc": 0.5}, "labels": {}, **more,
    }  # fmt: skip


FACTS = {
    "fine": case("accept", 0.4),
    "odd": case("look", 0.9),
    "poor": case("look", 0.3, scores={"sdc": 0.5, "scale": 0.7}),
    "bad": case("redo", None, labels={"a": {"predicted_dice": 0.2}, "b": {}}),
}


def test_the_worst_come_first():
    assert [row["case"] for row in trust_rows(FACTS)] == ["bad", "poor", "odd", "fine"]
    assert count_verdicts(FACTS) == "1 to accept, 2 to look at, 1 to redo"


def test_without_predicted_dice_the_confidence_orders():
    facts = {"sure": case("look", None, scores={"sdc": 0.9}), "not": case("look", None)}
    assert [row["case"] for row in trust_rows(facts)] == ["not", "sure"]


def test_it_is_written_as_a_table(tmp_path):
    write_trust(tmp_path, Predicted((), (), {}, facts=FACTS))
    with (tmp_path / "quality.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["predicted_dice_a"] == "0.2"
    assert (rows[0]["scale"], rows[1]["scale"]) == ("", "0.7")
    assert rows[1]["reasons"] == "one; two"


def test_without_facts_nothing_is_written(tmp_path):
    write_trust(tmp_path, Predicted(("a",), (), {}))
    assert not list(tmp_path.iterdir())
