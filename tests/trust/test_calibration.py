"""Predicted Dice: scikit-learn's answer, coverage as stated, too few cases refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import QuantileRegressor

from segscope.errors import InputError
from segscope.trust import DicePredictor, fit_dice_predictor
from segscope.trust.calibration import _halves


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


def test_quantile_ends_are_scikit_learns_moved_by_the_order_statistic():
    features, dice = draw(80)
    found = fit_dice_predictor(features, dice, method="quantile", coverage=0.8, seed=3)
    fitting = _halves(80, None, 3)
    scaled = (features - features[fitting].mean(0)) / features[fitting].std(0)
    middle, low, high = (
        QuantileRegressor(quantile=q, alpha=1e-3)
        .fit(scaled[fitting], dice[fitting])
        .predict(scaled)
        for q in (0.5, 0.1, 0.9)
    )
    low, high = np.minimum(low, middle), np.maximum(high, middle)  # the lines may cross
    scores = np.sort(np.maximum(low - dice, dice - high)[~fitting])
    width = scores[33 - 1]  # ceil(41 * 0.8) = 33 of 40
    _, lower, upper = found.predict(features)
    np.testing.assert_allclose(lower, np.minimum(low - width, middle).clip(0, 1), atol=1e-9)
    np.testing.assert_allclose(upper, np.maximum(high + width, middle).clip(0, 1), atol=1e-9)


def test_by_hand():
    # each isotonic knot is met exactly; the calibrating cases lie 0.1 above
    mu = np.linspace(0, 0.8, 9).repeat(4)
    fitting = _halves(36, None, 0)
    dice = mu + np.where(fitting, 0, 0.1)
    found = fit_dice_predictor(mu[:, None], dice, seed=0)
    assert (found.n_fit, found.n_calibration) == (18, 18)
    assert (found.method, found.coverage) == ("isotonic", 0.9)
    assert found.width == pytest.approx(0.1)
    values = [float(v[0]) for v in found.predict([[0.4]])]
    assert values == pytest.approx([0.4, 0.3, 0.5])


def test_isotonic_predictions_rise_with_mu_and_end_flat():
    features, dice = draw(60)
    found = fit_dice_predictor(features, dice)
    middle = found.predict(np.linspace(-5, 5, 200)[:, None])[0]
    assert (np.diff(middle) >= 0).all()
    assert middle[0] == middle[90]
    assert middle[-1] == middle[130]


def test_one_seed_gives_one_predictor():
    features, dice = draw(60)
    assert fit_dice_predictor(features, dice, seed=4) == fit_dice_predictor(features, dice, seed=4)
    assert fit_dice_predictor(features, dice, seed=4) != fit_dice_predictor(features, dice, seed=5)


def test_a_constant_figure_changes_nothing():
    features, dice = draw(60)
    wide = np.column_stack([features, np.full(60, 7.0)])
    found = fit_dice_predictor(wide, dice, method="quantile").predict(wide)
    plain = fit_dice_predictor(features, dice, method="quantile").predict(features)
    np.testing.assert_allclose(found, plain, atol=1e-7)


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


@pytest.mark.parametrize("method", ["isotonic", "quantile"])
def test_intervals_lie_within_0_and_1_around_the_prediction(method):
    narrow = 0
    for seed in range(20):
        features, dice = draw(60, seed)
        found = fit_dice_predictor(features, dice, method=method, coverage=0.5, seed=seed)
        narrow += found.width < 0  # then the ends move inwards, past the median if left alone
        middle, lower, upper = found.predict(2 * features - 0.5)
        assert (lower >= 0).all()
        assert (lower <= middle).all()
        assert (middle <= upper).all()
        assert (upper <= 1).all()
    assert narrow or method == "isotonic"


def test_a_negative_width_never_takes_an_end_past_the_prediction():
    lines = ((0.1, 0.5), (0.0, 0.45), (0.2, 0.55))  # 0.1 x + 0.5, within 0.45 and 0.2 x + 0.55
    facts = {"width": -0.08, "centre": (0.0,), "scale": (1.0,), "lines": lines}
    found = DicePredictor("quantile", 0.5, 9, 9, **facts).predict([[0.0], [1.0]])
    np.testing.assert_allclose(found, [[0.5, 0.6], [0.5, 0.53], [0.5, 0.67]])


@pytest.mark.parametrize("method", ["isotonic", "quantile"])
def test_a_predictor_survives_json(method):
    features, dice = draw(60)
    found = fit_dice_predictor(features, dice, method=method)
    again = DicePredictor.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    for one, other in zip(found.predict(features), again.predict(features), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2"),
        ({"method": "linear"}, "method must be one of isotonic, quantile"),
        ({"more": 1}, "missing or unknown: more"),
    ],
)
def test_another_record_is_refused(change, said):
    found = fit_dice_predictor(*draw(40)).to_dict()
    with pytest.raises(ValueError, match=said):
        DicePredictor.from_dict(found | change)
    with pytest.raises(ValueError, match="missing or unknown: knots"):
        DicePredictor.from_dict({k: v for k, v in found.items() if k != "knots"})


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


def test_the_refusal_says_how_many_are_needed_and_there():
    features, dice = draw(16)
    said = "8 to fit and 8 to calibrate, at least 5 and 9 are needed"
    with pytest.raises(InputError, match=said):
        fit_dice_predictor(features, dice, coverage=0.9)
    with pytest.raises(InputError, match="4 to fit and 4 to calibrate, at least 5 and 1"):
        fit_dice_predictor(features[:8], dice[:8], coverage=0.5)
    with pytest.raises(InputError, match="16 to fit and 0 to calibrate"):
        fit_dice_predictor(features, dice, groups=["one"] * 16)
    with pytest.raises(InputError, match="no case with a known Dice"):
        fit_dice_predictor([], [])


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


@pytest.mark.parametrize(
    ("features", "dice", "said"),
    [
        (np.zeros(40), np.zeros(40), r"features must be \(n, F\), got \(40,\)"),
        (np.zeros((40, 0)), np.zeros(40), "features must be"),
        (np.zeros((40, 1)), np.zeros(39), r"dice must be \(40,\)"),
        (np.full((40, 2), np.nan), np.zeros(40), "features: 40 of 40 cases"),
        (np.zeros((40, 1)), np.array([np.nan] * 3 + [0.5] * 37), "dice: 3 of 40 values"),
        (np.zeros((40, 1)), np.linspace(0, 90, 40), "divide percent"),
        (np.zeros((40, 1)), np.linspace(-0.5, 0.5, 40), "within 0 and 1"),
    ],
)
def test_unusable_values_are_named(features, dice, said):
    with pytest.raises(ValueError, match=said):
        fit_dice_predictor(features, dice)


def test_figures_unlike_those_of_fitting_are_named():
    found = fit_dice_predictor(*draw(40), method="quantile")
    with pytest.raises(ValueError, match="the 3 figures of fitting, got 2"):
        found.predict([[0.1, 0.2]])
    with pytest.raises(ValueError, match="1 of 2 cases are not finite"):
        found.predict([[0.1, 0.2, np.nan], [0.1, 0.2, 0.3]])


@pytest.mark.parametrize("method", ["isotonic", "quantile"])
def test_prediction_imports_no_scikit_learn(method):
    facts = json.dumps(fit_dice_predictor(*draw(40), method=method).to_dict())
    code = (
        "import json, sys\n"
        "from segscope.trust import DicePredictor\n"
        "before = 'sklearn' in sys.modules\n"
        "DicePredictor.from_dict(json.loads(sys.argv[1])).predict([[0.1, 0.2, 0.3]])\n"
        "assert before or 'sklearn' not in sys.modules\n"
        "print(before)"
    )
    done = subprocess.run([sys.executable, "-c", code, facts], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]
