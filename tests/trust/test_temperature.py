"""Temperature: its formula, what it finds, and when it may not look."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.trust.temperature import fit_temperature, tempered


@given(st.floats(0.01, 0.99), st.floats(0.2, 10))
def test_it_divides_the_logit(p, temperature):
    found = float(tempered([p], temperature)[0])
    wanted = np.log(p / (1 - p)) / temperature
    assert np.log(found / (1 - found)) == pytest.approx(wanted, abs=1e-6)


def test_it_finds_the_temperature_that_probabilities_were_spoilt_by():
    random = np.random.default_rng(0)
    honest = random.uniform(0.02, 0.98, 20_000)
    truth = random.random(20_000) < honest
    spoilt = tempered(honest, 1 / 3)  # far too sure
    assert fit_temperature(spoilt, truth) == pytest.approx(3.0, rel=0.12)


def test_it_is_one_where_voxels_cannot_tell():
    assert fit_temperature([0.9] * 50, [True] * 50) == 1.0
    assert fit_temperature([0.9] * 500, [True] * 500) == 1.0
    assert fit_temperature([], []) == 1.0


def test_it_stays_within_its_range_and_takes_certainties():
    p = np.array([1.0, 0.0] * 100)
    right = np.array([True, False] * 100)
    assert fit_temperature(p, right) == pytest.approx(0.2)
    assert fit_temperature(p, ~right) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("p", "y", "said"),
    [([0.5], [True, False], "alike"), ([1.5] * 200, [True, False] * 100, "within 0 and 1")],
    ids=["shapes", "values"],
)
def test_what_is_no_probability_is_refused(p, y, said):
    with pytest.raises(ValueError, match=said):
        fit_temperature(p, y)
