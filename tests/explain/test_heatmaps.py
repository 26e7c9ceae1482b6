"""Dice over all thresholds against the loop, Otsu against scikit-image, laws and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.filters import threshold_otsu

from segscope.explain import best_dice, dice_over_thresholds, mean_dice, otsu_threshold, to_levels

maps = hnp.arrays(np.uint8, (6, 7))
masks = hnp.arrays(np.bool_, (6, 7))


def literal(heatmap, mask):
    found = []
    for t in range(256):
        b = heatmap > t
        total = b.sum() + mask.sum()
        found.append(2 * (b & mask).sum() / total if total else 1.0)
    return np.array(found)


@given(maps, masks)
def test_one_pass_equals_the_loop(heatmap, mask):
    expected = literal(heatmap, mask)
    np.testing.assert_allclose(dice_over_thresholds(heatmap, mask), expected, atol=1e-12)
    assert mean_dice(heatmap, mask) == pytest.approx(expected.mean(), abs=1e-12)
    best, threshold = best_dice(heatmap, mask)
    assert best == pytest.approx(expected.max(), abs=1e-12)
    assert threshold == expected.argmax()


@given(masks)
def test_the_mask_itself_is_perfect_below_its_value(mask):
    found = dice_over_thresholds(mask.astype(np.uint8) * 200, mask)
    assert (found[:200] == 1).all()
    assert best_dice(mask.astype(np.uint8) * 200, mask)[0] == 1.0


def test_an_empty_mask_and_a_map_of_nothing():
    nothing = np.zeros((3, 3), np.uint8)
    assert mean_dice(nothing, nothing) == 1.0
    assert mean_dice(nothing, nothing + 1) == 0.0
    full = np.full((3, 3), 255, np.uint8)
    assert mean_dice(full, nothing) == pytest.approx(1 / 256)  # only "above 255" is empty


@given(hnp.arrays(np.uint8, st.integers(2, 60)))
def test_otsus_threshold_is_scikit_images(heatmap):
    if np.ptp(heatmap) == 0:
        assert otsu_threshold(heatmap) == 0
        return
    ours, theirs = otsu_threshold(heatmap), int(threshold_otsu(heatmap))
    # thresholds that part the values alike are the same
    assert ((heatmap > ours) == (heatmap > theirs)).all() or _between(heatmap, ours) >= _between(
        heatmap, theirs
    ) * (1 - 1e-9)


def _between(values, t):
    low, high = values[values <= t].astype(float), values[values > t].astype(float)
    return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) and len(high) else 0


def test_scaling_to_levels():
    assert to_levels(np.array([2.0, 3.0, 4.0])).tolist() == [0, 128, 255]
    assert to_levels(np.full(3, 7.0)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="not finite"):
        to_levels(np.array([1.0, np.nan]))


def test_other_types_and_shapes_are_named():
    with pytest.raises(ValueError, match="to_levels scales other maps"):
        mean_dice(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="uint8 of the mask's shape"):
        mean_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 3)))
