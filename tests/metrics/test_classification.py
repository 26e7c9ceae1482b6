"""Scores of classes against scikit-learn's, and intervals that mean something."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from segscope.metrics import auc, classification_scores, drawn_area


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_auc_equals_scikit_learns_also_with_ties(pairs):
    truth, score = [t for t, _ in pairs], [s / 5 for _, s in pairs]
    if len(set(truth)) < 2:
        assert math.isnan(auc(truth, score))
        assert math.isnan(drawn_area(np.array(truth), np.array(score)))
    else:
        peer = pytest.approx(roc_auc_score(truth, score), abs=1e-12)
        assert auc(truth, score) == peer
        assert drawn_area(np.array(truth), np.array(score)) == peer


def test_auc_by_hand():
    # pairs (positive, negative): 3 > 1, 3 > 2, 2 > 1 in order, 2 = 2 counts half: 3.5 of 4
    assert auc([1, 0, 1, 0], [3, 1, 2, 2]) == 3.5 / 4
    with pytest.raises(ValueError, match="finite"):
        auc([0, 1], [0.1, math.nan])


def test_scores_by_hand():
    # predicted: 0, 1, 1, 0 for the truth 0, 0, 1, 1
    p = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    found = {k: v.value for k, v in classification_scores([0, 0, 1, 1], p, ("a", "b")).items()}
    assert found == {"accuracy": 0.5, "auc": 0.75, "sensitivity": 0.5, "specificity": 0.5}


def test_of_three_classes_each_is_set_against_the_others():
    p = np.eye(3)[[0, 1, 1, 2]]
    found = classification_scores([0, 1, 2, 2], p, ("a", "b", "c"))
    assert found["accuracy"].value == 0.75
    assert found["sensitivity of c"].value == 0.5
    assert found["specificity of b"].value == pytest.approx(2 / 3)
    assert found["auc of c"].value == 0.75


def test_intervals_hold_the_value_shrink_with_cases_and_widen_with_groups():
    rng = np.random.default_rng(0)

    def width(n, groups=None):
        y = rng.integers(0, 2, n)
        right = rng.random(n) < 0.8
        p1 = np.where(right, y, 1 - y) * 0.8 + 0.1
        found = classification_scores(y, np.stack([1 - p1, p1], 1), "ab", groups=groups)
        assert found["accuracy"].lower <= found["accuracy"].value <= found["accuracy"].upper
        return found["accuracy"].upper - found["accuracy"].lower

    # a binomial's: 2 x 1.96 x sqrt(0.8 x 0.2 / n)
    assert width(400) == pytest.approx(2 * 1.96 * math.sqrt(0.16 / 400), rel=0.25)
    assert width(50) > 1.8 * width(400)
    y = np.repeat(np.arange(2), 40)
    p1 = np.tile(np.repeat([0.9, 0.1], 20), 2)  # cases of one group are all right or all wrong
    groups = [str(k // 20) for k in range(80)]
    p = np.stack([1 - p1, p1], 1)
    alone, together = (classification_scores(y, p, "ab", groups=g) for g in (None, groups))
    assert (together["accuracy"].upper - together["accuracy"].lower) > 3 * (
        alone["accuracy"].upper - alone["accuracy"].lower
    )


def test_the_undefined_is_nan_and_nonsense_is_refused():
    found = classification_scores([0, 0], [[0.9, 0.1], [0.8, 0.2]], "ab")
    assert math.isnan(found["sensitivity"].value)
    assert math.isnan(found["auc"].lower)
    assert found["specificity"].value == 1
    for truth, p in (([0, 2], [[1, 0]] * 2), ([0], [[1, 0, 0]]), ([], np.zeros((0, 2)))):
        with pytest.raises(ValueError, match="truth"):
            classification_scores(truth, p, "ab")
    with pytest.raises(ValueError, match="groups"):
        classification_scores([0, 1], [[1, 0], [0, 1]], "ab", groups=["x"])
