"""Intervals of any statistic by drawing groups, against scipy's for groups of one."""

import math

import numpy as np
import pytest
from scipy import stats

from segscope.metrics import grouped_intervals


def median_interval(values, groups):
    found = grouped_intervals(
        {"median": float(np.median(values))}, lambda k: {"median": np.median(values[k])}, groups
    )
    return found["median"]


def test_groups_of_one_give_scipys_percentile_interval():
    values = np.random.default_rng(3).gamma(2.0, size=80)
    found = median_interval(values, [str(k) for k in range(80)])
    peer = stats.bootstrap(
        (values,), np.median, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.value == np.median(values)
    assert (found.lower, found.upper) == pytest.approx((peer.low, peer.high), rel=0.08)


def test_a_group_counts_once_however_many_cases_it_has():
    once = np.random.default_rng(1).normal(size=30)
    groups = [str(k) for k in range(30)]
    alone = median_interval(once, groups)
    assert median_interval(np.repeat(once, 3), np.repeat(groups, 3)) == alone
    # the same cases as subjects of their own would be three times as many
    apart = median_interval(np.repeat(once, 3), [str(k) for k in range(90)])
    assert apart.upper - apart.lower < 0.8 * (alone.upper - alone.lower)


def test_what_no_draw_defines_has_no_interval():
    found = grouped_intervals({"x": 1.0}, lambda _: {"x": math.nan}, ["a", "b"])["x"]
    assert found.value == 1.0
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)
