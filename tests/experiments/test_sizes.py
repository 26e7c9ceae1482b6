"""Learning curves over subjects, from scores that are written down here."""

import math

import pytest

from segscope.experiments.sizes import size_figure, size_pairs, size_table
from tests.experiments.outcomes import outcome


def test_a_size_is_the_mean_of_its_seeds():
    table = size_table(outcome(), "dice")
    assert list(table.columns) == ["subjects", "label", "image", "both"]
    # 0.5 + the mean of 0..7 hundredths + half of a fifth; sd of 0..7 is sqrt(6)
    assert [(row[0], row[1], row[2][:5], row[3][:5]) for row in table.rows] == [
        (1, "l", "0.635", "0.735"), (2, "l", "0.635", "0.635")
    ]  # fmt: skip
    assert table.rows[0][2].endswith("n 8), sd 0.0245")
    assert [outcome().of_size(n).values("image", "dice")["s"] for n in (1, 2)] == [0.6, 0.6]


def test_a_draw_that_is_not_done_is_left_out():
    table = size_table(outcome(lost="n1_seed1"), "dice")
    assert [row[2][:5] for row in table.rows] == ["0.535", "0.635"]


def test_differences_are_corrected_over_all_sizes():
    one, two = size_pairs(outcome(), "dice").rows
    assert one[:2] == [1, "both"]
    assert one[2].startswith("0.1 (0.1 to 0.1, n 8)")
    assert one[3] == pytest.approx(2 / 2**8)  # all eight signs agree
    assert math.isnan(two[3])  # none differs: there is nothing to test
    assert one[4] == one[3]


def test_rows_of_trials_are_means_over_subjects():
    rows = outcome(lost="n2_seed0").by_trial()
    assert [(r["arm"], r["subjects"], r["seed"], round(r["dice"], 3), r["n"]) for r in rows] == [
        ("image", 1, 0, 0.535, 8), ("both", 1, 0, 0.635, 8),
        ("image", 1, 1, 0.735, 8), ("both", 1, 1, 0.835, 8),
        ("image", 2, 1, 0.735, 8), ("both", 2, 1, 0.735, 8),
    ]  # fmt: skip


def test_the_figure_is_drawn():
    assert size_figure(outcome(), "dice").startswith(b"\x89PNG")
