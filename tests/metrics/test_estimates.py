"""Means over subjects: repetitions and slices of one person make no more of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.metrics.estimates import by_subject, estimate

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


def test_thousands_of_subjects_need_no_matrix_of_all_pairs():
    numbers = np.random.default_rng(0).normal(0.8, 0.1, 4000)
    found = estimate(named(numbers))
    half = 1.96 * numbers.std(ddof=1) / math.sqrt(4000)
    assert found.low == pytest.approx(numbers.mean() - half, abs=half / 5)
    assert found.high == pytest.approx(numbers.mean() + half, abs=half / 5)
