"""Lesions: found by hand, a confidence that orders them, an area under a curve."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from segscope.trust.lesions import Lesion, LesionModel, auroc, find_lesions, fit_lesions


def test_components_are_found_by_hand():
    labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [1, 0, 0, 0]], np.uint8)
    peak = np.array([[0.9, 0.7, 1, 0.6], [1, 1, 1, 0.8], [0.95, 1, 1, 1]])
    found = find_lesions(labels, peak)
    assert [(one.label, one.voxels, one.centre) for one in found] == [
        (1, 2, (0.0, 0.5)), (1, 1, (2.0, 0.0)), (2, 2, (0.5, 3.0)),
    ]  # fmt: skip
    assert [round(one.mean_p, 6) for one in found] == [0.8, 0.95, 0.7]
    assert [one.sure for one in found] == [0.5, 1.0, 0.0]
    assert find_lesions(np.zeros((3, 3), np.uint8), np.ones((3, 3))) == []


def drawn(count=120, seed=0):
    random = np.random.default_rng(seed)
    lesions = [
        Lesion(1, int(v), m, min(1.0, m + 0.1), m / 2, (0.0,))
        for v, m in zip(random.integers(1, 50, count), random.uniform(0.5, 0.9, count), strict=True)
    ]
    odds = [6 * (one.mean_p - 0.7) + 0.5 * (np.log(one.voxels) - 3) for one in lesions]
    true = random.random(count) < 1 / (1 + np.exp(-np.array(odds)))
    return lesions, true.tolist(), [f"s{k // 3}" for k in range(count)]


def test_it_is_penalised_logistic_regression_where_no_weight_is_held_back():
    lesions, true, subjects = drawn(400)
    found = fit_lesions(lesions, true, subjects)
    x = np.array([one.figures() for one in lesions])
    z = (x - x.mean(0)) / x.std(0)
    theirs = LogisticRegression(C=1.0, tol=1e-8).fit(z, true)
    assert (theirs.coef_ > 0).all()
    mine = [found.confidence(one) for one in lesions]
    assert mine == pytest.approx(theirs.predict_proba(z)[:, 1], abs=2e-3)
    assert found.auroc > 0.6
    assert (found.known, found.true) == (400, sum(true))


def test_larger_and_surer_lesions_are_never_less_confident():
    found = fit_lesions(*drawn())
    assert min(found.weights) >= 0


@pytest.mark.parametrize("lesions", [19, 0], ids=["few", "none"])
def test_of_too_few_nothing_is_learned(lesions):
    some, true, subjects = drawn(lesions)
    assert fit_lesions(some, true, subjects) is None
    many, _, of = drawn(50)
    assert fit_lesions(many, [True] * 50, of) is None


def test_the_area_is_scikit_learn_s_with_ties():
    random = np.random.default_rng(0)
    scores, true = random.integers(0, 5, 60).astype(float), random.random(60) < 0.4
    assert auroc(scores, true) == pytest.approx(roc_auc_score(true, scores))
    assert np.isnan(auroc(scores, np.ones(60, bool)))


def test_it_is_kept_as_plain_values():
    found = fit_lesions(*drawn())
    assert LesionModel.from_dict(found.to_dict()) == found
