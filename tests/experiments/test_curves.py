"""When a training had converged."""

import math

from segscope.experiments import Arm, Draw, Experiment, Outcome, Trial
from segscope.experiments.curves import (
    converged,
    converged_rows,
    converged_table,
    loss_charts,
    until_converged,
    validation_losses,
)


def test_convergence_by_hand():
    assert converged([1.0, 0.5, 0.2, 0.3, 0.195]) == 3
    assert converged([0.2, 0.3]) == 1
    assert converged([math.nan, 0.4, 0.1]) == 3
    assert converged([math.nan, math.nan]) == 2
    assert converged([0.5, 0.4], tolerance=0.1) == 1


def test_minutes_are_those_of_the_epoch():
    curve = [[1, 0.9, 0.25, 60.0], [2, 0.5, None, 90.0], [3, 0.4, 0.75, 150.0]]
    assert until_converged(curve) == (3, 2.5)
    first, second, third = validation_losses(curve)
    assert (first, third) == (0.75, 0.25)
    assert math.isnan(second)


def outcome():
    """Two draws of one subject, one of two; "b" was not done with two."""
    draws = [
        Draw(name=f"n{n}_{k}", seed=k, train=("a", "b")[:n], val=("v",), test=("t",), size=n)
        for n, k in ((1, 0), (1, 1), (2, 0))
    ]
    arms = (Arm(name="a"), Arm(name="b"))
    asked = Experiment(dataset="d", content="c", arms=arms, draws=tuple(draws), reference="a",
                       metrics=("dice",))  # fmt: skip
    trials = [Trial(arm, draw, {}, "d", "c") for draw in draws for arm in arms][:-1]
    curve = [[1, 0.9, 0.25, 60.0], [2, 0.5, 0.75, 120.0]]
    rows = [
        {"arm": t.arm.name, "draw": t.draw.name, "case": "t", "subject": "t", "label": "l",
         "dice": 0.5} for t in trials
    ]  # fmt: skip
    costs = {
        arm: tuple({"draw": t.draw.name, "minutes": 3.0, "curve": curve[: 2 - t.draw.seed]}
                   for t in trials if t.arm.name == arm)
        for arm in "ab"
    }  # fmt: skip
    return Outcome(asked, tuple(rows), costs, (), tuple(trials))


def test_trials_say_when_they_had_converged():
    rows = converged_rows(outcome())
    assert [(r["arm"], r["draw"], r["epochs_to_converge"], r["minutes_to_converge"]) for r in rows
            ] == [("a", "n1_0", 2, 2.0), ("b", "n1_0", 2, 2.0), ("a", "n1_1", 1, 1.0),
                  ("b", "n1_1", 1, 1.0), ("a", "n2_0", 2, 2.0)]  # fmt: skip
    assert {row["minutes"] for row in rows} == {3.0}


def test_sizes_average_their_trainings():
    rows = converged_table(outcome()).rows
    assert [row[:2] for row in rows] == [
        [1, "epochs"], [1, "minutes"], [2, "epochs"], [2, "minutes"]
    ]  # fmt: skip
    assert rows[0][2].startswith("1.5 (1 to 2, n 2)")
    assert rows[2][2:] == ["2 (n 1)", "nan (n 0)"]


def test_losses_are_drawn_of_the_largest_size():
    train, val = loss_charts(outcome())
    assert train.series == {"a": ([1, 2], [0.9, 0.5])}
    assert val.series == {"a": ([1, 2], [0.75, 0.25])}
    assert train.caption == "2 training subjects, first seed."
