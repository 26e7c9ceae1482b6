"""Predicted Dice: scikit-learn's answer, coverage as stated, too few cases refused."""

import json

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import QuantileRegressor

from segscope.errors import InputError
from segscope.explain import DicePredictor, fit_dice_predictor
from segscope.explain.calibration import _halves


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.random((n, 3))
    dice = np.clip(features[:, 0] ** 0.5 + rng.normal(0, 0.08, n), 0, 1)
    return features, dice


def test_isotonic_predictions_are_scikit_learns():
    features, dice = draw(60)
    found = fit_dice_predictor(features, dice, seed=1)
    fitting = _halves(60, None, 1)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(features[fitting, 0], dice[fitting])
    new = np.linspace(-0.5, 1.5, 40)[:, None] * np.ones(3)
    np.testing.assert_allclose(found.predict(new)[0], theirs.predict(new[:, 0]), atol=1e-12)


def test_quantile_predictions_are_scikit_learns():
    features, dice = draw(80)
    found = fit_dice_predictor(features, dice, method="quantile", seed=1)
    fitting = _halves(80, None, 1)
    x = features[fitting]
    theirs = QuantileRegressor(quantile=0.5, alpha=1e-3).fit(
        (x - x.mean(0)) / x.std(0), dice[fitting]
    )
    expected = theirs.predict((features - x.mean(0)) / x.std(0))
    np.testing.assert_allclose(found.predict(features)[0], expected.clip(0, 1), atol=1e-9)


def test_the_width_is_the_stated_order_statistic():
    features, dice = draw(60)
    found = fit_dice_predictor(features, dice, coverage=0.9, seed=2)
    rest = ~_halves(60, None, 2)
    residuals = np.sort(np.abs(found.predict(features[rest])[0] - dice[rest]))
    assert found.n_calibration == 30
    assert found.width == pytest.approx(residuals[28 - 1])  # ceil(31 * 0.9) = 28


@pytest.mark.parametrize("method", ["isotonic", "quantile"])
def test_intervals_hold_as_often_as_stated(method):
    held = []
    for seed in range(60):
        features, dice = draw(50, seed)
        found = fit_dice_predictor(features, dice, coverage=0.8, method=method, seed=seed)
        new, truth = draw(100, 1000 + seed)
        _, lower, upper = found.predict(new)
        held.append(((lower <= truth) & (truth <= upper)).mean())
    # at least 0.8, at most 0.8 + 1 / (25 + 1), within four standard errors
    assert 0.8 - 0.04 < np.mean(held) < 0.8 + 1 / 26 + 0.04


def test_intervals_lie_within_0_and_1_around_the_prediction():
    features, dice = draw(60)
    for method in ("isotonic", "quantile"):
        middle, lower, upper = fit_dice_predictor(features, dice, method=method).predict(features)
        assert (lower >= 0).all()
        assert (lower <= middle).all()
        assert (middle <= upper).all()
        assert (upper <= 1).all()


@pytest.mark.parametrize("method", ["isotonic", "quantile"])
def test_a_predictor_survives_json(method):
    features, dice = draw(60)
    found = fit_dice_predictor(features, dice, method=method)
    again = DicePredictor.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    with pytest.raises(ValueError, match="format 2"):
        DicePredictor.from_dict(found.to_dict() | {"format": 2})


@pytest.mark.parametrize(
    ("cases", "coverage", "fits"),
    [(18, 0.9, True), (16, 0.9, False), (8, 0.5, False), (10, 0.8, True)],
)
def test_too_few_cases_are_refused_with_numbers(cases, coverage, fits):
    features, dice = draw(cases)
    if fits:
        assert fit_dice_predictor(features, dice, coverage=coverage).n_calibration == cases // 2
        return
    with pytest.raises(InputError, match=r"too few cases .* are needed; take more"):
        fit_dice_predictor(features, dice, coverage=coverage)


def test_subjects_stay_together():
    groups = [f"s{k // 4}" for k in range(60)]
    for seed in range(5):
        fitting = _halves(60, groups, seed)
        assert all(len(set(fitting[k : k + 4])) == 1 for k in range(0, 60, 4))
        assert 30 <= fitting.sum() <= 33


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "linear"}, "method"),
        ({"coverage": 1.0}, "coverage"),
        ({"groups": ["a"]}, "groups"),
    ],
)
def test_unusable_options_are_named(change, said):
    features, dice = draw(40)
    with pytest.raises(ValueError, match=said):
        fit_dice_predictor(features, dice, **change)
