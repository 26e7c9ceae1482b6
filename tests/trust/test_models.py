"""The regressions: their library's answers, their directions, and JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as OfSklearn

from segscope.trust.models import FAMILIES, fit_isotonic, fit_ridge, model_from

RANDOM = np.random.default_rng(2)
X = RANDOM.uniform(size=(60, 3))
Y = (0.5 * X[:, 0] + 0.3 * X[:, 1] - 0.2 * X[:, 2] + 0.2 + RANDOM.normal(0, 0.02, 60)).clip(0, 1)
SIGNS = (1, 1, -1)


def test_where_no_weight_is_held_back_it_is_plain_ridge():
    z = (X - X.mean(0)) / X.std(0)
    theirs = OfSklearn(alpha=1.0).fit(z, Y)
    found = fit_ridge(X, Y, SIGNS)
    assert found.predict(X) == pytest.approx(theirs.predict(z))


def test_a_weight_against_its_direction_is_none():
    found = fit_ridge(X, Y, (1, -1, -1))
    assert found.weights[1] == 0
    assert found.weights[0] > 0 > found.weights[2]


@pytest.mark.parametrize("family", list(FAMILIES))
@given(low=st.floats(0, 1), high=st.floats(0, 1), column=st.integers(0, 2))
def test_all_rise_and_fall_as_their_figures_say(family, low, high, column):
    model = FITTED[family]
    one, other = np.full((2, 1, 3), 0.4)
    one[0, column], other[0, column] = min(low, high), max(low, high)
    change = (model.predict(other) - model.predict(one))[0]
    assert SIGNS[column] * change >= -1e-12


@pytest.mark.parametrize("family", list(FAMILIES))
def test_all_are_kept_as_json_to_the_bit(family):
    again = model_from(json.loads(json.dumps(FITTED[family].to_dict())))
    assert again.family == family
    assert again.predict(X).tolist() == FITTED[family].predict(X).tolist()


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="family must be one of isotonic, ridge, trees"):
        model_from({"family": "forest"})
    with pytest.raises(ValueError, match="first figure"):
        fit_isotonic(X, Y, (-1, 1, 1))


def test_one_value_for_all_is_what_constant_figures_give():
    flat = np.full((30, 3), 0.5)
    for fit in FAMILIES.values():
        assert fit(flat, Y[:30], SIGNS).predict(flat[:1])[0] == pytest.approx(Y[:30].mean())


FITTED = {name: fit(X, Y, SIGNS) for name, fit in FAMILIES.items()}
