"""All metrics of one case: each label as if it stood alone, and the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from segscope.images import Grid
from segscope.metrics import (
    average_distance,
    border_distances,
    centre_distance,
    count_agreement,
    evaluate_case,
    hausdorff_distance,
    lesion_scores,
    overlap_scores,
    surface_dice,
    volume_scores,
)

LABELS = {"background": 0, "a": 1, "b": 2, "far": 7, "absent": 9}
PROMISED = {
    "dice", "iou", "precision", "recall", "specificity", "accuracy", "hd_mm", "hd95_mm", "assd_mm",
    "nsd", "avd_percent", "volume_difference_percent", "pcd_percent", "lesion_recall",
    "lesion_precision", "lesion_f1", "centre_mm", "tp", "fp", "fn", "tn", "n_pred", "n_ref",
}  # fmt: skip


@st.composite
def pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
    kind = draw(st.sampled_from([np.uint8, np.int16, np.int64]))
    values = st.sampled_from([0, 0, 0, 1, 2, 7])
    return [draw(arrays(kind, shape, elements=values)) for _ in range(2)]


@given(pairs())
def test_each_label_scores_as_if_it_stood_alone_in_the_whole_image(pair):
    spacing = (0.5, 2.0, 3.0)[: pair[0].ndim]
    found = evaluate_case(*pair, spacing, LABELS, tolerance_mm=2.5).to_dict()
    for name in ("a", "b", "far", "absent"):
        p, t = (array == LABELS[name] for array in pair)
        counts, distances = count_agreement(p, t), border_distances(p, t, spacing)
        alone = {
            **overlap_scores(counts),
            **volume_scores(counts),
            **lesion_scores(p, t),
            **counts.to_dict(),
            "hd_mm": hausdorff_distance(distances),
            "hd95_mm": hausdorff_distance(distances, 95),
            "assd_mm": average_distance(distances),
            "nsd": surface_dice(distances, 2.5),
            "centre_mm": centre_distance(p, t, Grid.from_spacing(p.shape, spacing)),
        }
        assert set(found[name]) == set(alone) >= PROMISED
        for metric, expected in alone.items():
            np.testing.assert_allclose(found[name][metric], expected, atol=1e-9, err_msg=metric)


def scores_of(prediction, truth, spacing, labels=LABELS):
    return evaluate_case(prediction, truth, spacing, labels, tolerance_mm=2.5).to_dict()


def assert_same(found, expected, left_out=()):
    for name, metrics in expected.items():
        for metric, value in metrics.items():
            if metric not in left_out:
                np.testing.assert_allclose(found[name][metric], value, atol=1e-9, err_msg=metric)


@given(pairs(), st.sets(st.integers(0, 2)))
def test_flipping_both_changes_nothing(pair, axes):
    """Components are numbered in another order then, and borders met from the other side."""
    spacing = (0.5, 2.0, 3.0)[: pair[0].ndim]
    flipped = [np.flip(array, [axis for axis in axes if axis < array.ndim]) for array in pair]
    assert_same(scores_of(*flipped, spacing), scores_of(*pair, spacing))


@given(pairs(), st.permutations([0, 1, 2]))
def test_renumbering_labels_renumbers_their_scores(pair, order):
    spacing = (0.5, 2.0, 3.0)[: pair[0].ndim]
    old, new = np.array([1, 2, 7]), np.array([3, 5, 11])[list(order)]
    table = np.arange(12)
    table[old] = new
    renumbered = {"background": 0, **dict(zip(("a", "b", "far"), new.tolist(), strict=True))}
    found = scores_of(*(table[array] for array in pair), spacing, renumbered)
    expected = scores_of(*pair, spacing)
    assert_same(found, {name: expected[name] for name in ("a", "b", "far")})


@given(pairs(), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=3))
def test_padding_both_changes_only_what_counts_the_background(pair, margins):
    spacing = (0.5, 2.0, 3.0)[: pair[0].ndim]
    padded = [np.pad(array, margins[: array.ndim]) for array in pair]
    background = ("tn", "specificity", "accuracy", "pcd_percent")
    assert_same(scores_of(*padded, spacing), scores_of(*pair, spacing), left_out=background)


@given(pairs(), st.sampled_from([0.25, 2.0, 8.0]))
def test_scaling_the_spacing_scales_distances_alone(pair, scale):
    spacing = (0.5, 2.0, 3.0)[: pair[0].ndim]
    expected = scores_of(*pair, spacing)
    for metrics in expected.values():
        for name in ("hd_mm", "hd95_mm", "assd_mm", "centre_mm"):
            metrics[name] *= scale
    wider = tuple(scale * step for step in spacing)
    found = evaluate_case(*pair, wider, LABELS, tolerance_mm=2.5 * scale).to_dict()
    assert_same(found, expected)


def test_a_perfect_case_is_perfect():
    truth = np.zeros((8, 8, 8), np.uint8)
    truth[2:5, 2:5, 2:5], truth[6, 6, 6] = 1, 2
    for metrics in evaluate_case(truth, truth, (1, 1, 1), {"a": 1, "b": 2}).to_dict().values():
        assert metrics["dice"] == metrics["nsd"] == metrics["lesion_f1"] == 1
        assert metrics["hd_mm"] == metrics["hd95_mm"] == metrics["centre_mm"] == 0


def test_distances_take_the_spacing_and_centres_the_affine():
    truth = np.zeros((4, 4, 4), np.uint8)
    truth[0, 0, 0] = 1
    turned = np.array([[0, 0, 2.5, 1], [1, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1.0]])
    found = evaluate_case(np.roll(truth, 2, 2), truth, (1, 1, 2.5), {"a": 1}, affine=turned)
    assert found.to_dict()["a"]["hd_mm"] == found.to_dict()["a"]["centre_mm"] == 5.0
    assert found.diagonal_mm == pytest.approx(math.hypot(4, 4, 10))


def test_masks_may_be_boolean():
    truth = np.eye(4, dtype=bool)
    assert evaluate_case(truth, truth, (1, 1), {"a": 1}).to_dict()["a"]["tp"] == 4
    assert evaluate_case(truth, ~truth, (1, 1), {"a": 1, "b": 2}).to_dict()["a"]["tp"] == 0


def test_overlap_alone_leaves_borders_and_components_out():
    truth = np.eye(4, dtype=np.uint8)
    found = evaluate_case(truth, truth, (1, 1), {"a": 1}, overlap_only=True).to_dict()["a"]
    assert "dice" in found
    assert not {"hd_mm", "lesion_f1", "centre_mm"} & set(found)


def test_what_does_not_fit_is_refused():
    square = np.zeros((2, 2), int)
    with pytest.raises(ValueError, match="one shape"):
        evaluate_case(square, np.zeros((2, 3), int), (1, 1), {"a": 1})
    with pytest.raises(ValueError, match="3 spacings"):
        evaluate_case(square, square, (1, 1, 1), {"a": 1})
    with pytest.raises(ValueError, match="whole numbers, got float64"):
        evaluate_case(square / 1, square, (1, 1), {"a": 1})
    with pytest.raises(ValueError, match="empty must be"):
        evaluate_case(square, square, (1, 1), {"a": 1}, empty="zero")
