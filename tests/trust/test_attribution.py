"""Attributions: exact for a ridge, adding up for all, and as Shapley defined them."""

from itertools import permutations

import numpy as np
import pytest

from segscope.trust.attribution import attributions
from segscope.trust.models import FAMILIES, Ridge

RANDOM = np.random.default_rng(4)
X = RANDOM.uniform(size=(80, 3))
Y = X[:, 0] * X[:, 1] - 0.3 * X[:, 2]


def literal(model, x, usual):
    """Mean gain of every figure over all orders in which figures are taken up."""
    found, orders = np.zeros(3), list(permutations(range(3)))
    for order in orders:
        at = usual.copy()
        for k in order:
            before = model.predict(at[None])[0]
            at[k] = x[k]
            found[k] += model.predict(at[None])[0] - before
    return found / len(orders)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_they_are_shapley_s_and_add_up(family):
    model = FAMILIES[family](X, Y, (1, 1, -1))
    x, usual = np.array([0.1, 0.9, 0.8]), np.array([0.6, 0.4, 0.2])
    found = attributions(model, x, usual)
    assert found == pytest.approx(literal(model, x, usual))
    change = model.predict(x[None]) - model.predict(usual[None])
    assert found.sum() == pytest.approx(change[0])


def test_of_a_ridge_each_is_its_weight_times_its_difference():
    found = attributions(Ridge((0.5, 2.0), 0.3), np.array([1.0, 0.0]), np.array([0.0, 0.5]))
    assert found == pytest.approx([0.5, -1.0])
