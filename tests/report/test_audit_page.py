"""Sections of a page about an audit: what they show of figures that are known."""

import math

import pytest
import torch

from segscope.audit import audit
from segscope.report.audit_page import (
    audit_sections,
    layers_section,
    quality_section,
    ranking_section,
    units_section,
)
from tests.audit.built import disc, threshold_network


@pytest.fixture(scope="module")
def found():
    cases = [disc("a"), disc("b"), disc("c"), ("empty", torch.zeros(1, 16, 16), disc()[2])]
    return audit(threshold_network(), cases)


def cell(table, row, column):
    return table.rows[row][list(table.columns).index(column)]


def test_truth_and_more_than_two_cases_make_all_four_sections(found):
    titles = [section.title for section in audit_sections(found, pictures={}, against={})]
    assert titles == [
        "What each layer could segment", "What single units could segment",
        "Quality without truth, against the truth", "Cases, the ones to look at first",
    ]  # fmt: skip
    two = audit(threshold_network(), [disc("a"), disc("b")])
    assert len(audit_sections(two, pictures={}, against={})) == 3


def test_the_networks_own_level_is_the_mean_dice_of_its_cases(found):
    (chart,) = layers_section(found, {"peer": found}, {}).charts
    assert {"chance level", "the network's output", "peer"} < set(chart.series)
    # three cases are perfect, of one nothing is found
    assert set(chart.series["the network's output"][1]) == {0.75}


def test_units_are_sorted_and_inert_ones_counted(found):
    section = units_section(found, {"units": b"png"})
    row = section.tables[0].rows[-1]
    assert row[2] <= row[3] <= row[4]
    ordered = next(iter(section.charts[0].series.values()))[1]
    assert ordered == sorted(ordered)
    assert len(section.pictures) == 1


def test_the_case_without_a_prediction_comes_first_and_pictures_beside(found):
    section = ranking_section(found, {"heat_a": b"a", "heat_none": b"n"})
    table = section.tables[0]
    assert cell(table, 0, "case") == "empty"
    assert math.isnan(cell(table, 0, "mu"))
    assert cell(table, 0, "Dice") == 0
    assert [p.caption.partition(":")[0] for p in section.pictures] == ["a"]


def test_every_figure_of_quality_has_its_row(found):
    section = quality_section(found)
    names = [row[0] for row in section.tables[0].rows]
    assert "mu" in names
    assert [[row[0] for row in table.rows] for table in section.tables] == [names] * 3
