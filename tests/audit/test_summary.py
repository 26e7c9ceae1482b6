"""What an audit comes to, from numbers that can be checked by hand."""

import math

import pytest

from segscope.audit import CaseAudit, DatasetAudit, LayerScores, UnitScores
from segscope.audit.summary import (
    layer_means,
    layers_of,
    most_suspicious,
    pooled,
    quality_row,
    quarter_means,
    unit_means,
    with_dice,
    worst_first,
)


def case(name, mu, dice, layer=(0.5,), units=((0.5,), (0.5,))):
    scores = LayerScores("a", {"dice": layer}, layer, (0.1,), (0.2,))
    return CaseAudit(
        name, mu, {"dice": (dice,)}, (scores,), (UnitScores("a", units, units, units),)
    )


def audit(*cases):
    return DatasetAudit("net", ("disc",), cases)


def names(cases):
    return [case.name for case in cases]


def test_the_lowest_mu_comes_first_and_an_undefined_one_before_all():
    found = audit(case("a", 0.9, 0.9), case("b", 0.2, 0.9), case("c", math.nan, 0.9))
    assert names(worst_first(found)) == ["c", "b", "a"]


def test_a_sure_network_with_another_label_is_suspicious():
    found = audit(case("a", 0.9, 0.8), case("b", 0.9, 0.1), case("c", 0.3, 0.1),
                  case("d", 0.9, math.nan))  # fmt: skip
    # mu - Dice: 0.1, 0.8, 0.2, unknown
    assert names(most_suspicious(found)) == ["b", "c", "a", "d"]


def test_means_are_over_cases_and_classes_where_defined():
    found = audit(case("a", 1, 1, (0.2, 0.4), ((0.1,), (0.6,))),
                  case("b", 1, 1, (0.9, math.nan), ((0.3,), (math.nan,))))  # fmt: skip
    assert layer_means(found, "dice") == [pytest.approx(0.5)]
    assert layer_means(found, "chance") == [pytest.approx(0.1)]
    assert unit_means(found, 0, "dice") == [pytest.approx(0.2), pytest.approx(0.6)]


def test_cases_of_one_figure_share_the_mean_of_their_dice():
    assert quarter_means([1, 1, 2, 3], [0.2, 0.4, 0.5, 0.6]) == pytest.approx([0.3, 0.3, 0.5, 0.6])


def test_a_row_says_how_much_must_be_reviewed():
    row = quality_row("mu", [0.1, 0.2, 0.3, 0.4], [0.2, 0.9, 0.9, 0.9])
    # three of four are perfect enough: the lowest is looked at
    assert (row[0], row[-1]) == ("mu", "25 %")
    assert row[2] == pytest.approx(0.7745966692414834)  # Spearman with ties: 3 / sqrt(15)


def test_layers_of_a_case_are_means_over_classes_where_defined():
    assert layers_of(case("a", 1, 1, (0.2, 0.4))) == [pytest.approx(0.3)]
    assert layers_of(case("a", 1, 1, (0.9, math.nan))) == [0.9]


def test_audits_of_one_kind_of_network_are_one_list_of_cases():
    found = pooled([audit(case("a", 1, 0.5)), audit(case("a", 1, math.nan), case("b", 1, 0))], "x")
    assert (found.model, names(found.cases)) == ("x", ["a", "a", "b"])
    assert names(with_dice(found).cases) == ["a", "b"]
