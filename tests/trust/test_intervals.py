"""CV+: by hand, its literal definition, and the cover that it states."""

import math

import numpy as np
import pytest

from segscope.trust.intervals import conformal_rank, conformal_width, cv_plus


def literal(by_fold, fold, residuals, alpha):
    """Equation 11, with quantiles as they are defined before it."""
    n = len(residuals)
    low = sorted(by_fold[k] - r for k, r in zip(fold, residuals, strict=True))
    high = sorted(by_fold[k] + r for k, r in zip(fold, residuals, strict=True))
    below, above = math.floor(alpha * (n + 1) + 1e-9), math.ceil((1 - alpha) * (n + 1) - 1e-9)
    return low[below - 1], high[above - 1]


def test_it_is_its_definition():
    random = np.random.default_rng(0)
    fold = random.integers(0, 5, 29)
    residuals, by_fold = random.exponential(0.1, 29), random.uniform(0.4, 0.6, 5)
    for coverage in (0.5, 0.8, 0.9):
        found = cv_plus(by_fold, fold.tolist(), residuals.tolist(), coverage=coverage)
        assert found == pytest.approx(literal(by_fold, fold, residuals, 1 - coverage))


def test_too_few_cases_give_no_interval():
    assert cv_plus(np.array([0.5]), [0] * 8, [0.1] * 8, coverage=0.9) == (-math.inf, math.inf)
    assert cv_plus(np.array([0.5]), [0] * 9, [0.1] * 9, coverage=0.9) == pytest.approx((0.4, 0.6))
    assert conformal_width([0.1], 0.9) == math.inf
    assert conformal_rank(9, 0.9) == 9


def test_new_cases_are_held_as_stated():
    random, inside = np.random.default_rng(1), []
    for _ in range(400):
        y = random.normal(size=41)
        fold = np.arange(40) % 5
        means = np.array([y[:40][fold != k].mean() for k in range(5)])
        off = np.abs(y[:40] - means[fold])
        low, high = cv_plus(means, fold.tolist(), off.tolist(), coverage=0.8)
        inside.append(low <= y[40] <= high)
    assert 0.76 < np.mean(inside) < 0.9
