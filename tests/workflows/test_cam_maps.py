"""A map is scored with its mask, by hand; without one only its threshold is known."""

import io

import numpy as np
import pytest
from PIL import Image

from segscope.images import Grid
from segscope.workflows.cam_maps import draw_map, score_map

LEVELS = np.array([[0, 0, 100], [200, 200, 100]], np.uint8)
MASK = np.array([[False, False, False], [True, True, True]])


def test_a_map_is_scored_at_its_threshold_and_at_the_best():
    row = score_map("a", "lesion", LEVELS, MASK, threshold=50)
    # above 50 lie four pixels, three of them in the mask's three
    assert row.dice == pytest.approx(2 * 3 / 7)
    # above 100 lie two, both in the mask: 4 / 5, which is less
    assert row.oracle_dice == pytest.approx(6 / 7)
    assert 0 <= row.oracle < 100
    # thresholds 0 to 99 give 6 / 7, 100 to 199 give 4 / 5, above lies nothing
    assert row.mean_dice == pytest.approx((100 * 6 / 7 + 100 * 4 / 5) / 256)


def test_without_a_mask_there_is_a_threshold_and_no_score():
    row = score_map("a", "lesion", LEVELS, None)
    assert 0 <= row.threshold < 200
    assert (row.dice, row.mean_dice, row.oracle) == (None, None, None)


@pytest.mark.parametrize("mask", [MASK, None], ids=["mask", "none"])
def test_a_map_is_drawn_with_and_without_a_mask(mask):
    row = score_map("a", "lesion", LEVELS, mask)
    png = draw_map(np.zeros((1, 2, 3)), LEVELS, mask, Grid.from_spacing((2, 3)), row)
    assert Image.open(io.BytesIO(png)).width > 100
