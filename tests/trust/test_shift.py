"""Shift of features: against full matrices and scikit-learn, and what is near and far."""

import json

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage as of_sklearn
from sklearn.neighbors import NearestNeighbors

from segscope.trust.shift import FeatureReference, feature_reference, ledoit_wolf_shrinkage

RANDOM = np.random.default_rng(5)
KNOWN = RANDOM.normal(size=(40, 6)) @ RANDOM.normal(size=(6, 6)) + 3.0


@pytest.mark.parametrize(("n", "p"), [(30, 5), (20, 50), (200, 3)])
def test_the_shrinkage_is_scikit_learn_s(n, p):
    z = np.random.default_rng(n).normal(size=(n, p)) * np.arange(1, p + 1)
    z -= z.mean(0)
    assert ledoit_wolf_shrinkage(z) == pytest.approx(of_sklearn(z, assume_centered=True))


def test_the_distance_is_that_of_the_whole_shrunk_covariance():
    reference = feature_reference(KNOWN)
    z = (KNOWN - KNOWN.mean(0)) / KNOWN.std(0)
    covariance = z.T @ z / len(z)
    a = of_sklearn(z, assume_centered=True)
    shrunk = (1 - a) * covariance + a * np.trace(covariance) / 6 * np.eye(6)
    eigen, axes = np.linalg.eigh(shrunk)
    x = np.array([1.0, 5.0, 3.0, -2.0, 0.0, 4.0])
    own = (x - KNOWN.mean(0)) / KNOWN.std(0)
    wanted = np.sqrt((((axes.T @ own) ** 2) / eigen).sum() / 6)
    assert reference.mahalanobis(x) == pytest.approx(wanted)


def test_the_neighbours_are_scikit_learn_s():
    reference = feature_reference(KNOWN)
    white = np.sqrt(reference.variances[:-1])
    x = KNOWN[0] + 0.3
    along = reference.axes @ ((x - reference.centre) / reference.scale) / white
    far, _ = NearestNeighbors(n_neighbors=3).fit(reference.known / white).kneighbors(along[None])
    assert reference.neighbours(x) == pytest.approx(far.mean())


def test_known_cases_are_about_one_and_others_farther():
    reference = feature_reference(KNOWN)
    own = [reference.shift(x) for x in KNOWN]
    assert 0.5 < np.median(own) < 2
    assert reference.shift(KNOWN.mean(0) + 10 * KNOWN.std(0)) > 1.5 * max(own)


def test_features_that_are_not_finite_are_infinitely_far():
    assert feature_reference(KNOWN).shift([np.nan] * 6) == np.inf
    with pytest.raises(ValueError, match=r"features must be \(6,\)"):
        feature_reference(KNOWN).shift([1.0])


def test_too_few_cases_and_constant_features_are_taken():
    assert feature_reference(KNOWN[:7]) is None
    assert feature_reference([]) is None
    assert feature_reference(np.where(np.arange(40)[:, None] < 34, np.nan, KNOWN)) is None
    flat = np.hstack([KNOWN, np.full((40, 1), 2.0)])
    assert np.isfinite(feature_reference(flat).shift(flat[3]))


def test_it_is_kept_as_json_to_six_digits():
    found = feature_reference(KNOWN)
    again = FeatureReference.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.shift(KNOWN[3] + 1) == pytest.approx(found.shift(KNOWN[3] + 1), rel=1e-4)
