"""Charts: every value at its place, words for who cannot see them, nothing that is not defined."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.report.charts import Lines, chart_svg, describe_chart, nice_ticks


def drawn(chart):
    return ET.fromstring(f"<div>{chart_svg(chart)}</div>")


def circles(chart):
    found = drawn(chart).findall("./svg[@class='chart']//circle")
    return [(float(c.get("cx")), float(c.get("cy")), c.find("title").text) for c in found]


def labels(chart, kind):
    """Ticks: text to its place."""
    texts = drawn(chart).findall(f"./svg//text[@class='{kind}']")
    return {text.text: (float(text.get("x")), float(text.get("y"))) for text in texts}


def test_a_point_lies_between_the_ticks_around_it_in_proportion():
    chart = Lines({"a": ([0, 10], [0.0, 1.0])}, "epoch", "Dice")
    (x0, y0, said), (x1, y1, _) = circles(chart)
    assert said == "a, epoch 0, Dice 0"
    across, up = labels(chart, "mid"), labels(chart, "end")
    assert across["0"][0] == pytest.approx(x0, abs=0.1)
    assert across["10"][0] == pytest.approx(x1, abs=0.1)
    assert across["4"][0] == pytest.approx(x0 + 0.4 * (x1 - x0), abs=0.2)
    assert up["0.2"][1] - 4 == pytest.approx(y0 + 0.2 * (y1 - y0), abs=0.2)
    assert y1 < y0  # larger is higher


def test_what_is_not_defined_leaves_a_gap_and_no_point():
    values = [0.1, 0.2, math.nan, 0.4, math.inf, 0.5]
    chart = Lines({"a": ([1, 2, 3, 4, 5, 6], values)}, "x", "y")
    assert len(circles(chart)) == 4
    path = drawn(chart).find("./svg//g/path").get("d")
    assert re.sub(r"[\d. ]", "", path) == "MLMM"


def test_names_along_the_axis_come_in_their_order():
    chart = Lines({"a": (["b", "a"], [1, 2]), "c": (["z"], [3])}, "who", "y", points=True)
    across = labels(chart, "mid")
    assert across["b"][0] < across["a"][0] < across["z"][0]
    assert [said for _, _, said in circles(chart)][:2] == ["a, who b, y 1", "a, who a, y 2"]


def test_points_say_whose_they_are():
    texts = {"a": ["case 7"]}
    chart = Lines({"a": ([0.5], [0.25])}, "mu", "Dice", points=True, texts=texts)
    assert circles(chart)[0][2] == "case 7: a, mu 0.5, Dice 0.25"


def test_more_series_than_colours_are_told_apart_by_dashes():
    chart = Lines({f"n{k}": ([0, 1], [k, k]) for k in range(13)}, "x", "y")
    groups = drawn(chart).findall("./svg[@class='chart']/g")
    looks = {(g.get("class"), g.find("path").get("stroke-dasharray")) for g in groups}
    assert len(looks) == 13
    legend = drawn(chart).findall("./ul/li")
    assert [item.get("class") for item in legend] == [g.get("class") for g in groups]


def test_a_chart_of_nothing_says_so():
    assert "no value is defined" in chart_svg(Lines({"a": ([1], [math.nan])}, "x", "y"))
    assert "no value is defined" in chart_svg(Lines({}, "x", "y"))
    assert describe_chart(Lines({"a": ([1], [math.nan])}, "x", "y")) == "a: no value is defined."


def test_one_value_alone_and_numbers_of_numpy_are_drawn():
    assert len(circles(Lines({"a": (np.array([3]), np.array([0.0]))}, "x", "y"))) == 1


def test_a_long_line_has_no_dots():
    chart = Lines({"a": (list(range(500)), list(range(500)))}, "x", "y")
    assert circles(chart) == []
    assert len(chart_svg(chart)) < 12_000


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (0, 1e6, [0, 2e5, 4e5, 6e5, 8e5, 1e6]),
        (1e-5, 3e-5, [1e-5, 1.5e-5, 2e-5, 2.5e-5, 3e-5]),
    ],
    ids=["unit", "signed", "large", "small"],
)
def test_ticks_are_round(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_within_and_are_few(low, span):
    ticks = nice_ticks(low, low + span)
    slack = 1e-6 * max(abs(low), span)
    assert 1 <= len(ticks) <= 8
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
