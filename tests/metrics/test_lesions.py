"""Lesion detection: hand-worked, a literal search with SimpleITK, laws, and the empty sets."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segscope.metrics import lesion_scores

masks = arrays(bool, (6, 7, 5), elements=st.sampled_from([False, False, False, True]))


def literal(prediction, truth):
    """Recall, precision and F1 by walking through every component of SimpleITK's."""

    def share_of_components_that_touch(mask, other):
        image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
        numbered = SimpleITK.GetArrayFromImage(SimpleITK.ConnectedComponent(image, True))
        hits = [other[numbered == k].any() for k in range(1, numbered.max() + 1)]
        return float(np.mean(hits)) if hits else 1.0

    recall = share_of_components_that_touch(truth, prediction)
    precision = share_of_components_that_touch(prediction, truth)
    both = recall + precision
    return recall, precision, 2 * recall * precision / both if both else 0.0


def three(scores):
    return scores["lesion_recall"], scores["lesion_precision"], scores["lesion_f1"]


def test_lesions_by_hand():
    truth = np.zeros((7, 7), bool)
    truth[0, 0] = truth[1, 1] = True  # one lesion: corners touch
    truth[3, 3] = truth[6, 0] = True
    found = np.zeros((7, 7), bool)
    found[1, 1] = found[3, 3] = found[0, 6] = found[6, 6] = True
    scores = lesion_scores(found, truth)
    assert (scores["lesions_true"], scores["lesions_predicted"]) == (3, 4)
    f1 = 2 * (2 / 3) * 0.5 / (2 / 3 + 0.5)
    assert three(scores) == pytest.approx((2 / 3, 2 / 4, f1))


def test_one_detection_over_two_lesions_finds_both_and_counts_once():
    truth = np.array([[1, 0, 0, 1, 0, 1]], bool)
    assert three(lesion_scores(np.array([[1, 1, 1, 1, 0, 0]], bool), truth)) == pytest.approx(
        (2 / 3, 1.0, 0.8)
    )


@given(masks, masks)
def test_scores_equal_a_literal_search(prediction, truth):
    assert three(lesion_scores(prediction, truth)) == pytest.approx(literal(prediction, truth))


def test_scores_of_larger_shapes_equal_a_literal_search():
    random = np.random.default_rng(3)
    fields = [ndimage.gaussian_filter(random.normal(size=(60, 50, 40)), 2) for _ in range(2)]
    truth, found = fields[0] > 0.09, 0.6 * fields[0] + 0.6 * fields[1] > 0.09
    scores = lesion_scores(found, truth)
    assert scores["lesions_true"] > 20
    assert 0 < scores["lesion_recall"] < 1
    assert three(scores) == pytest.approx(literal(found, truth))


@given(masks, masks, st.permutations(range(3)))
def test_the_order_of_axes_does_not_matter(prediction, truth, order):
    turned = lesion_scores(prediction.transpose(order), truth.transpose(order))
    assert turned == lesion_scores(prediction, truth)


@given(masks, masks)
def test_exchanging_the_masks_exchanges_recall_and_precision(first, second):
    there, back = lesion_scores(first, second), lesion_scores(second, first)
    assert there["lesion_recall"] == back["lesion_precision"]
    assert there["lesion_f1"] == pytest.approx(back["lesion_f1"])


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [(0, 0, (1, 1, 1)), (1, 0, (1, 0, 0)), (0, 1, (0, 1, 0))],
)
def test_lesions_of_empty_masks(found, true, expected):
    scores = lesion_scores(np.full((3, 3), bool(found)), np.full((3, 3), bool(true)))
    assert three(scores) == expected


def test_f1_is_zero_when_nothing_is_hit():
    assert three(lesion_scores(np.array([1, 0, 0], bool), np.array([0, 0, 1], bool))) == (0, 0, 0)
