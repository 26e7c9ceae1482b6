"""Intensities: by hand, by scikit-learn, by law; and no NaN whatever comes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from segscope.preprocessing import ChannelPlan, normalise

ZSCORE = ChannelPlan(name="MR")
CT = ChannelPlan(name="CT", scheme="ct", lower=-200, upper=200, mean=50, sd=10)
PHOTO = ChannelPlan(name="photo", scheme="rescale", lower=0, upper=255)
STRIPPED = ChannelPlan(name="T1", nonzero_only=True)


def test_a_ct_window_by_hand():
    values, note = normalise(np.array([-3024, -200, 50, 60, 900]), CT)
    assert values.tolist() == [-25, -25, 0, 1, 15]
    assert note is None


def test_bytes_become_zero_to_one():
    values, _ = normalise(np.array([0, 51, 255], np.uint8), PHOTO)
    np.testing.assert_allclose(values, [0, 0.2, 1], rtol=1e-6)


def test_none_leaves_the_values():
    values, _ = normalise(np.array([3, -4], np.int16), ChannelPlan(name="x", scheme="none"))
    assert values.tolist() == [3, -4]
    assert values.dtype == np.float32


def test_zscore_agrees_with_scikit_learn():
    array = np.random.default_rng(0).gamma(2, 40, (6, 7, 8))
    expected = StandardScaler().fit_transform(array.reshape(-1, 1)).reshape(array.shape)
    np.testing.assert_allclose(normalise(array, ZSCORE)[0], expected, atol=1e-5)


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_zscore_forgets_scale_and_offset(offset, scale):
    x = np.array([1.0, 2.0, 4.0, 9.0])
    a, _ = normalise(x, ZSCORE)
    b, _ = normalise(offset + scale * x, ZSCORE)
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_small_spread_on_a_large_offset_survives_in_wide_types():
    x = np.array([1.0, 2.0, 4.0, 9.0])
    expected, _ = normalise(x, ZSCORE)
    for shifted in (1e6 + x, (10**6 + x).astype(np.int32)):
        np.testing.assert_allclose(normalise(shifted, ZSCORE)[0], expected, rtol=1e-5)


def test_stripped_skulls_do_not_count():
    x = np.array([-3.0, -3.0, 1.0, 3.0, -3.0])
    values, _ = normalise(x, STRIPPED)
    assert values.tolist() == [0, 0, -1, 1, 0]


def test_a_small_dark_border_counts_like_the_rest():
    x = np.random.default_rng(0).normal(5, 1, (12, 12))
    x[0] = 0  # a twelfth of the image
    np.testing.assert_array_equal(normalise(x, STRIPPED)[0], normalise(x, ZSCORE)[0])


def test_a_stripped_brain_is_measured_on_the_brain():
    random = np.random.default_rng(0)
    x = np.zeros((20, 20, 20), np.float32)
    x[5:15, 4:16, 5:15] = random.normal(300, 20, (10, 12, 10))
    values, _ = normalise(x, STRIPPED)
    inside = values[5:15, 4:16, 5:15]
    assert inside.mean() == pytest.approx(0, abs=1e-4)
    assert inside.std() == pytest.approx(1, abs=1e-4)
    assert not values[x == 0].any()


finite = st.floats(-(2.0**100), 2.0**100, width=32)


@given(
    arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=finite),
    st.sampled_from([ZSCORE, CT, PHOTO, STRIPPED]),
)
def test_finite_stays_finite(array, plan):
    values, _ = normalise(array, plan)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@pytest.mark.parametrize("plan", [ZSCORE, STRIPPED])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e20])
def test_a_constant_image_becomes_zero_and_is_told(plan, value):
    values, note = normalise(np.full((4, 5, 6), value, np.float32), plan)
    assert not values.any()
    assert note == f"channel {plan.name} is constant: it tells nothing"


def test_a_constant_image_under_fixed_numbers_is_told():
    values, note = normalise(np.full(3, 60.0), CT)
    assert values.tolist() == [1, 1, 1]
    assert "constant" in note


def test_the_input_is_not_changed():
    for plan in (ZSCORE, CT, PHOTO, STRIPPED):
        array = np.array([0.0, 0.0, 1000.0, 3.0], np.float32)
        normalise(array, plan)
        assert array.tolist() == [0, 0, 1000, 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_beyond_float32_are_refused(bad):
    with pytest.raises(ValueError, match="channel MR: has values that are not finite"):
        normalise(np.array([1.0, bad]), ZSCORE)


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "ct"},
        {"scheme": "ct", "lower": 5, "upper": 5, "mean": 0, "sd": 1},
        {"scheme": "ct", "lower": 0, "upper": 5, "mean": 0, "sd": 0},
        {"scheme": "ct", "lower": 0, "upper": 5, "sd": 1},
        {"scheme": "rescale", "lower": 0},
        {"scheme": "rescale", "lower": 0, "upper": 1, "nonzero_only": True},
        {"scheme": "rescale", "lower": 0, "upper": float("nan")},
        {"scheme": "minmax"},
        {"window": 3},
    ],
)
def test_incomplete_or_contradictory_schemes_are_refused(changes):
    with pytest.raises(ValidationError):
        ChannelPlan(name="x", **changes)
