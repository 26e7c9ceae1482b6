"""Arms are compared pair by pair of subjects, and by how stable their order is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segscope.experiments.statistics import (
    differences,
    holm,
    rank_stability,
)

values = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def named(numbers):
    return {f"s{k:02d}": float(v) for k, v in enumerate(numbers)}


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
