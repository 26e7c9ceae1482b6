"""Curves and areas: by hand, against all orders of tied cases, and by their laws."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segscope.explain import (
    at_coverage,
    augrc,
    aurc,
    correlations,
    coverage_curve,
    share_to_review,
)
from segscope.explain.coverage import drawn_spearman

unit = st.floats(0, 1)
pairs = st.lists(st.tuples(st.integers(0, 4), unit), min_size=1, max_size=25)


def literal(quality, score):
    """Mean over every order that is consistent with the quality."""
    curves, areas, generalised = [], [], []
    cases = list(zip(quality, score, strict=True))
    for order in permutations(cases):
        qualities = [q for q, _ in order]
        if qualities != sorted(qualities, reverse=True):
            continue
        scores = [s for _, s in order]
        n = len(scores)
        means = [sum(scores[: k + 1]) / (k + 1) for k in range(n)]
        curves.append(means)
        areas.append(sum(1 - m for m in means) / n)
        risks = [0.0] + [sum(1 - s for s in scores[: k + 1]) / n for k in range(n)]
        generalised.append(sum((a + b) / 2 for a, b in pairwise(risks)) / n)
    return np.mean(curves, 0), np.mean(areas), np.mean(generalised)


def literal_review(quality, score, target):
    """Try every number of tied groups, lowest quality first."""
    lowest_first = sorted(set(quality))
    for count in range(len(lowest_first) + 1):
        reviewed = [q in lowest_first[:count] for q in quality]
        corrected = [1.0 if r else s for r, s in zip(reviewed, score, strict=True)]
        if math.fsum(corrected) / len(corrected) >= target - 1e-12:
            return sum(reviewed) / len(reviewed)
    return None


def correlation(quality, score):
    found = correlations(quality, score)
    return found.pearson, found.spearman


def at_60(quality, score):
    return at_coverage(quality, score, 0.6)


def review_to_80(quality, score):
    return share_to_review(quality, score, 0.8)


MEASURES = (aurc, augrc, at_60, review_to_80)


@pytest.mark.parametrize(
    ("quality", "score"),
    [
        ([3, 2, 1], [1.0, 0.5, 0.0]),
        ([1, 2, 3], [1.0, 0.5, 0.0]),
        ([1, 1, 1, 1], [1.0, 0.5, 0.2, 0.0]),
        ([2, 2, 1, 3, 1], [0.9, 0.1, 0.5, 0.7, 0.2]),
        ([5], [0.3]),
    ],
)
def test_ties_count_as_the_mean_of_all_orders(quality, score):
    curve, area, generalised = literal(quality, score)
    np.testing.assert_allclose(coverage_curve(quality, score).mean_score, curve)
    assert aurc(quality, score) == pytest.approx(area)
    assert augrc(quality, score) == pytest.approx(generalised)


def test_by_hand():
    quality, score = [0.9, 0.8, 0.7, 0.6], [1.0, 0.8, 0.9, 0.1]
    curve = coverage_curve(quality, score)
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.mean_score.tolist() == pytest.approx([1.0, 0.9, 0.9, 0.7])
    assert aurc(quality, score) == pytest.approx((0 + 0.1 + 0.1 + 0.3) / 4)
    # risks summed over n: 0, 0, .05, .075, .3
    assert augrc(quality, score) == pytest.approx((0 + 0.025 + 0.0625 + 0.1875) / 4)
    assert at_coverage(quality, score, 0.7) == pytest.approx(0.9)
    assert at_coverage(quality, score, 1.0) == pytest.approx(0.7)


@given(pairs, st.randoms())
def test_the_order_of_cases_never_matters(cases, random):
    shuffled = list(cases)
    random.shuffle(shuffled)
    a, b = (list(map(list, zip(*those, strict=True))) for those in (cases, shuffled))
    for measure in MEASURES:
        assert measure(*a) == pytest.approx(measure(*b), abs=1e-12)
    np.testing.assert_allclose(
        coverage_curve(*a).mean_score, coverage_curve(*b).mean_score, atol=1e-12
    )
    for one, other in zip(correlation(*a), correlation(*b), strict=True):
        assert one == pytest.approx(other, abs=1e-6, nan_ok=True)


@given(pairs)
def test_only_ranks_of_quality_matter_and_nothing_beats_the_truth(cases):
    quality, score = map(np.array, zip(*cases, strict=True))
    for measure in MEASURES:
        assert measure(np.exp(quality) - 7, score) == measure(quality, score)
    for measure, highest in ((aurc, 1.0), (augrc, 0.5)):
        assert measure(score, score) <= measure(quality, score) + 1e-12
        assert -1e-12 <= measure(quality, score) <= highest + 1e-12
    assert coverage_curve(quality, score).mean_score[-1] == pytest.approx(score.mean())


@given(st.lists(unit, min_size=1, max_size=20))
def test_a_figure_that_says_nothing_has_the_mean_risk_and_half_of_it(score):
    risk = 1 - np.mean(score)
    assert aurc(np.zeros(len(score)), score) == pytest.approx(risk, abs=1e-9)
    assert augrc(np.zeros(len(score)), score) == pytest.approx(risk / 2, abs=1e-9)


def test_correlations_are_scipys_and_undefined_ones_are_silent():
    rng = np.random.default_rng(0)
    q, s = rng.random(20), rng.random(20)
    found = correlations(q, s)
    assert found.pearson == pytest.approx(stats.pearsonr(q, s).statistic)
    assert found.spearman == pytest.approx(stats.spearmanr(q, s).statistic)
    assert found.n == 20
    undefined = (
        correlations([1, 1, 1], [1, 2, 3]),
        correlations([1, 2, 3], [0.1, 0.1, 0.1]),
        correlations([1, 2], [1, 2]),
        correlations([1], [1]),
    )
    for few in undefined:
        assert math.isnan(few.pearson)
        assert math.isnan(few.spearman)


def test_correlations_by_hand():
    found = correlations([1, 2, 3, 4], [0, 0, 0, 1])
    assert found.pearson == pytest.approx(1.5 / math.sqrt(5 * 0.75))
    assert found.spearman == pytest.approx(found.pearson)  # ranks 2, 2, 2, 4: as a line of these


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), unit), min_size=3, max_size=8
    )
)
def test_correlations_of_any_finite_values_are_silent_and_bounded(cases):
    quality, score = map(list, zip(*cases, strict=True))
    defined = len(set(quality)) > 1 and len(set(score)) > 1
    for value in correlation(quality, score):
        assert -1 <= value <= 1 if defined else math.isnan(value)


def test_the_share_to_review_by_hand():
    quality, score = [4, 3, 2, 1], [0.9, 0.9, 0.5, 0.1]
    assert share_to_review(quality, score, 0.5) == 0.0
    assert share_to_review(quality, score, 0.8) == 0.25  # (.9 + .9 + .5 + 1) / 4
    assert share_to_review(quality, score, 0.9) == 0.5  # (.9 + .9 + 1 + 1) / 4
    assert share_to_review(quality, score, 1.0) == 1.0
    assert share_to_review(quality, score, 1.1) is None
    assert share_to_review([1, 1, 1, 1], score, 0.8) == 1.0  # tied cases go together


def test_a_mean_that_is_the_target_but_for_rounding_needs_no_review():
    assert np.mean([0.7] * 3) < 0.7
    assert share_to_review([1, 2, 3], [0.7] * 3, 0.7) == 0.0


@given(pairs, st.floats(0, 1.5))
def test_the_share_to_review_is_the_literal_one(cases, target):
    quality, score = map(list, zip(*cases, strict=True))
    assert share_to_review(quality, score, target) == literal_review(quality, score, target)


@given(pairs, unit)
def test_reviewing_that_share_reaches_the_target(cases, target):
    quality, score = map(np.array, zip(*cases, strict=True))
    share = share_to_review(quality, score, target)
    assert share is not None
    count = round(share * len(score))
    worst = np.argsort(quality, kind="stable")[:count]
    corrected = score.copy()
    corrected[worst] = 1
    assert corrected.mean() >= target - 1e-9


@pytest.mark.parametrize(
    ("quality", "score", "said"),
    [
        ([1, 2], [1], "alike"),
        ([], [], "empty"),
        ([[1, 2]], [[1, 2]], "alike"),
        ([1, float("nan")], [1, 1], "quality: 1 of 2"),
        ([1, 2], [1, float("inf")], "score: 1 of 2"),
    ],
)
def test_unusable_values_are_named(quality, score, said):
    with pytest.raises(ValueError, match=said):
        correlations(quality, score)
    for measure in MEASURES:
        with pytest.raises(ValueError, match=said):
            measure(quality, score)


def test_a_target_that_is_no_number_is_named():
    with pytest.raises(ValueError, match="target"):
        share_to_review([1], [1], math.nan)


def test_one_case_at_least_is_kept_and_rounding_adds_none():
    assert at_coverage([3, 2, 1], [1.0, 0.5, 0.0], 1e-12) == 1.0
    assert 0.07 * 100 > 7
    assert at_coverage(range(100), range(100), 0.07) == 96.0  # 99, ..., 93


@pytest.mark.parametrize("share", [0.0, 1.1, math.nan])
def test_a_share_outside_of_its_range_is_named(share):
    with pytest.raises(ValueError, match="share"):
        at_coverage([1], [1], share)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20))
def test_the_quick_correlation_is_scipys(pairs):
    quality, dice = np.array(pairs, float).T
    found = drawn_spearman(quality, dice)
    if np.ptp(quality) and np.ptp(dice):
        assert found == pytest.approx(stats.spearmanr(quality, dice).statistic)
    else:
        assert math.isnan(found)
