"""Trees as numbers: the bits of scikit-learn's own prediction."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import segscope.trust.trees as trees

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize(("n", "f"), [(25, 1), (80, 4), (300, 7)])
def test_they_say_what_the_library_says(monkeypatch, n, f):
    grown = []

    class Kept(HistGradientBoostingRegressor):
        def fit(self, *given):
            grown.append(super().fit(*given))
            return grown[0]

    monkeypatch.setattr("sklearn.ensemble.HistGradientBoostingRegressor", Kept)
    x = RANDOM.normal(size=(n, f))
    y = np.tanh(x[:, 0]) + RANDOM.normal(0, 0.1, n)
    found = trees.fit_trees(x, y, [1] * f)
    new = RANDOM.normal(size=(500, f)) * 2
    assert found.predict(new).tolist() == grown[0].predict(new).tolist()
    assert (found.value != 0).sum() > len(found.value)  # there is more than roots
    again = trees.Trees.from_dict(found.to_dict())
    assert again.predict(new).tolist() == found.predict(new).tolist()


def test_too_few_rows_to_split_give_their_mean():
    x, y = np.arange(6.0)[:, None], np.arange(6.0)
    assert trees.fit_trees(x, y, [1]).predict(x) == pytest.approx(np.full(6, 2.5))
