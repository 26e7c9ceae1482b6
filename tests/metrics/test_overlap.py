"""Overlap ratios: hand-worked, scikit-learn and MONAI, laws, and the empty sets."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis.extra.numpy import arrays
from sklearn import metrics as peers

from segscope.metrics import Counts, count_agreement, overlap_scores

masks = arrays(bool, (4, 5))


def test_ratios_by_hand():
    found = overlap_scores(Counts(tp=6, fp=2, fn=4, tn=88))
    assert found == pytest.approx(
        {
            "dice": 12 / 18,
            "iou": 6 / 12,
            "precision": 6 / 8,
            "recall": 6 / 10,
            "specificity": 88 / 90,
            "accuracy": 94 / 100,
        }
    )


def test_counts_by_hand():
    found = count_agreement(np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool))
    assert found.to_dict() == {"tp": 2, "fp": 1, "fn": 1, "tn": 1, "n_pred": 3, "n_ref": 3}


@given(masks, masks)
def test_ratios_equal_scikit_learn(prediction, truth):
    assume(prediction.any() and truth.any() and not truth.all())
    found = overlap_scores(count_agreement(prediction, truth))
    p, t = prediction.ravel(), truth.ravel()
    assert found["dice"] == pytest.approx(peers.f1_score(t, p))
    assert found["iou"] == pytest.approx(peers.jaccard_score(t, p))
    assert found["precision"] == pytest.approx(peers.precision_score(t, p))
    assert found["recall"] == pytest.approx(peers.recall_score(t, p))
    assert found["specificity"] == pytest.approx(peers.recall_score(~t, ~p))
    assert found["accuracy"] == pytest.approx(peers.accuracy_score(t, p))


@given(masks, masks)
def test_exchanging_the_masks_exchanges_precision_and_recall(first, second):
    there, back = (
        overlap_scores(count_agreement(*pair)) for pair in ((first, second), (second, first))
    )
    np.testing.assert_equal(there["dice"], back["dice"])
    np.testing.assert_equal(there["precision"], back["recall"])


@given(masks, masks)
def test_dice_follows_from_iou_and_counts_add_up(first, second):
    counts = count_agreement(first, second)
    assert counts.tp + counts.fp + counts.fn + counts.tn == first.size
    found = overlap_scores(counts)
    np.testing.assert_allclose(found["dice"], 2 * found["iou"] / (1 + found["iou"]))


def test_two_empty_masks_are_undefined_or_one_by_choice():
    nothing = Counts(0, 0, 0, 9)
    assert all(math.isnan(value) for value in overlap_scores(nothing).values())
    assert set(overlap_scores(nothing, empty="one").values()) == {1.0}


@pytest.mark.parametrize("counts", [Counts(0, 3, 0, 6), Counts(0, 0, 3, 6)])
@pytest.mark.parametrize("empty", ["nan", "one"])
def test_one_empty_mask_is_zero_in_every_ratio(counts, empty):
    assert set(overlap_scores(counts, empty=empty).values()) == {0.0}


def test_a_truth_that_fills_the_image_has_no_specificity():
    found = overlap_scores(Counts(tp=6, fp=0, fn=3, tn=0))
    assert math.isnan(found["specificity"])
    assert found["accuracy"] == pytest.approx(6 / 9)


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="empty must be nan or one, got 'zero'"):
        overlap_scores(Counts(1, 1, 1, 1), empty="zero")
