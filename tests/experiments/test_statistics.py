"""The unit is the subject: repetitions and slices of one person make no more of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segscope.experiments.statistics import (
    by_subject,
    differences,
    estimate,
    holm,
    rank_stability,
)

values = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def named(numbers):
    return {f"s{k:02d}": float(v) for k, v in enumerate(numbers)}


def test_seeds_and_slices_of_one_subject_are_averaged_first():
    rows = [("a", "a1", 0.0), ("a", "a1", 1.0), ("a", "a2", 1.0), ("b", "b1", 0.0)]
    # a: case a1 is 0.5 over its seeds, a2 is 1; the subject 0.75
    assert by_subject(rows) == {"a": 0.75, "b": 0.0}


def test_undefined_values_are_left_out_and_counted():
    assert math.isnan(by_subject([("a", "a1", math.nan)])["a"])
    assert by_subject([("a", "a1", math.nan), ("a", "a2", 0.5)]) == {"a": 0.5}
    found = estimate({"a": math.nan, "b": 1.0, "c": 0.0})
    assert (found.mean, found.n, found.undefined) == (0.5, 2, 1)


def test_one_subject_has_no_interval_and_none_has_no_mean():
    one = estimate({"a": 0.5})
    assert one.mean == 0.5
    assert math.isnan(one.low)
    assert math.isnan(one.sd)
    assert math.isnan(estimate({}).mean)


def test_the_deviation_is_that_of_a_sample():
    assert estimate(named([1.0, 3.0])).sd == pytest.approx(math.sqrt(2))


@given(values)
def test_the_mean_lies_in_its_interval_which_lies_between_the_extremes(numbers):
    found = estimate(named(numbers))
    assert found.low <= found.mean + 1e-12
    assert found.mean <= found.high + 1e-12
    assert min(numbers) - 1e-12 <= found.low
    assert found.high <= max(numbers) + 1e-12


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        found = estimate(named(random.normal(0.5, 0.1, 30)))
        hits += found.low <= 0.5 <= found.high
    assert 88 <= hits <= 99


def test_the_test_is_wilcoxons_over_subjects():
    random = np.random.default_rng(1)
    a, b = random.normal(0, 1, 9), random.normal(0.5, 1, 9)
    (found,) = differences({"a": named(a), "b": named(b)}, "a")
    assert found.p == pytest.approx(stats.wilcoxon(b - a).pvalue)
    assert found.p_holm == found.p
    assert found.estimate.mean == pytest.approx((b - a).mean())


def test_pairs_by_hand():
    base = np.random.default_rng(0).random(12) * 0.2
    arms = {"a": named(base), "b": named(base + 0.1), "c": named(base)}
    by = {found.arm: found for found in differences(arms, "b")}
    assert by["a"].estimate.mean == pytest.approx(-0.1)
    # all of twelve differences have one sign: p = 2 / 2^12, and Holm doubles the smaller of two
    assert by["a"].p == pytest.approx(2 / 2**12)
    assert by["a"].p_holm == pytest.approx(4 / 2**12)
    assert by["c"].p_holm == pytest.approx(4 / 2**12)


def test_five_pairs_cannot_show_anything():
    a = named([0.1, 0.2, 0.3, 0.4, 0.5])
    b = {name: value + 0.3 + value / 10 for name, value in a.items()}
    (found,) = differences({"a": a, "b": b}, "a")
    assert math.isnan(found.p)
    assert not found.shown
    assert "too few subjects" in found.sentence("dice")


def test_equal_arms_are_not_shown_to_differ():
    a = named(np.linspace(0, 1, 10))
    (found,) = differences({"a": a, "b": dict(a)}, "a")
    assert not found.shown
    assert found.estimate.mean == 0


def test_a_subject_that_one_arm_lacks_is_no_pair():
    a, b = named([0.1] * 8), named([0.2] * 7)
    (found,) = differences({"a": a, "b": b}, "a")
    assert found.estimate.n == 7


def test_holm_by_hand():
    # 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.5 x 1, none below the one before
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_p_and_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(p_values)) + 1e-12


def test_ranks_of_distances_begin_with_the_smallest():
    arms = {"near": named([1.0, 1.1, 0.9]), "far": named([5.0, 4.0, 6.0])}
    assert rank_stability(arms, higher_is_better=False).first == {"near": 1.0, "far": 0.0}
    assert rank_stability(arms).first == {"near": 0.0, "far": 1.0}


def test_ranks_of_arms_that_are_alike_are_not_stable():
    random = np.random.default_rng(2)
    arms = {"a": named(random.normal(0, 1, 20)), "b": named(random.normal(0, 1, 20))}
    assert min(rank_stability(arms).first.values()) > 0.02
