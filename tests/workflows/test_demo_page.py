"""Tables of the demo's page, from numbers that are written down here."""

from types import SimpleNamespace

import pytest

from segscope.inference import LevelRow
from segscope.metrics import SHOWN
from segscope.workflows.demo_page import _levels, _scores


def test_levels_are_in_giga_and_milliseconds():
    rows = (LevelRow(1, 9, 2_000_000_000, 0.25, 0.8, 0.7, 5, 0),)
    assert _levels(SimpleNamespace(rows=rows)).rows == [["L1", 9, 2.0, 250.0, 0.8, 0.7]]


def test_scores_say_how_many_cases_are_counted():
    metrics = {name: {"mean": k / 10, "n": k, "undefined": 9} for k, name in enumerate(SHOWN)}
    metrics["dice"] = {"mean": 0.5, "n": 3, "undefined": 1}
    table = _scores(SimpleNamespace(by_label={"grey": metrics}))
    assert table.columns == ["label", *SHOWN, "n", "undefined"]
    (row,) = table.rows
    assert (row[0], row[-2:]) == ("grey", [3, 1])
    assert row[1 + SHOWN.index("dice")] == pytest.approx(0.5)
