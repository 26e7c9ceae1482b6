"""Intensities: by hand, by scikit-learn, by law; and no NaN whatever comes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from segscope.errors import InputError
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


def nnunet(scheme, image, mean=0.0, sd=1.0, lower=0.0, upper=0.0):
    """What nnU-Net documents of its five normalisations, written down step by step in float32."""
    x = image.astype(np.float32)
    if scheme == "ct":
        return (np.clip(x, np.float32(lower), np.float32(upper)) - np.float32(mean)) / max(sd, 1e-8)
    if scheme == "own_range":
        x = x - x.min()
        return x / np.clip(x.max(), 1e-8, None)
    if scheme == "rgb":
        assert x.min() >= 0
        assert x.max() <= 255
        return x / 255
    if scheme == "zscore":
        return (x - x.mean()) / max(x.std(), 1e-8)
    return x


PLANS = {
    "zscore": ChannelPlan(name="MR"),
    "ct": CT,
    "own_range": ChannelPlan(name="rescale_to_0_1", scheme="own_range"),
    "rgb": ChannelPlan(name="rgb_to_0_1", scheme="rgb"),
    "none": ChannelPlan(name="noNorm", scheme="none"),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("scheme", PLANS)
def test_schemes_agree_with_nnunet(scheme, kind):
    image = np.random.default_rng(7).integers(0, 200, (5, 6, 7)).astype(kind)
    expected = nnunet(scheme, image, mean=50, sd=10, lower=-200, upper=200)
    found, note = normalise(image, PLANS[scheme])
    assert (found.dtype, note) == (np.float32, None)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-6)


def test_an_images_own_range_by_hand():
    plan = PLANS["own_range"]
    assert normalise(np.array([-3, 1, 5], np.int16), plan)[0].tolist() == [0, 0.5, 1]
    values, note = normalise(np.array([7, 7], np.uint8), plan)
    assert (values.tolist(), note) == (
        [0, 0],
        "channel rescale_to_0_1 is constant: it tells nothing",
    )
    wide = normalise(np.array([-3e38, 0, 3e38], np.float32), plan)[0]  # wider than float32 reaches
    assert wide.tolist() == [0, 0.5, 1]
    thin = normalise(np.array([0, 1e-12, 2e-12]), plan)[0]
    np.testing.assert_allclose(thin, [0, 0.5, 1], rtol=1e-6)


@pytest.mark.parametrize("values", [[-1, 5], [0, 256], [0, 255.5]], ids=["low", "high", "half"])
def test_values_that_are_no_bytes_are_not_divided_by_255(values):
    with pytest.raises(InputError, match="channel rgb_to_0_1: is to be divided by 255, and has"):
        normalise(np.array(values), PLANS["rgb"])


def test_bytes_over_255_by_hand():
    assert normalise(np.array([0, 51, 255], np.uint8), PLANS["rgb"])[0].tolist() == [
        0, float(np.float32(0.2)), 1,
    ]  # fmt: skip


def test_the_new_schemes_survive_json_and_take_no_window():
    for plan in PLANS.values():
        assert ChannelPlan.model_validate_json(plan.model_dump_json()) == plan
    with pytest.raises(ValidationError, match="nonzero_only is for zscore"):
        ChannelPlan(name="x", scheme="own_range", nonzero_only=True)
