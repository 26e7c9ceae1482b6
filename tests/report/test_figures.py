"""Pictures: something is drawn for every number that goes in."""

import io

import numpy as np
import pytest
from PIL import Image

from segscope.images.overlay import COLOURS
from segscope.report import (
    Panel,
    contour_sheet,
    widest_slice,
)
from tests.synthetic import ball


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def near(image, colour, tolerance=60):
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return int((np.abs(image - wanted).sum(-1) < tolerance).sum())


DISC = ball((40, 40), (20, 20), 10).astype(np.uint8)


def test_a_contour_is_drawn_for_truth_and_for_each_label_of_the_prediction():
    image = np.linspace(0, 1, 1600).reshape(40, 40)
    two = DISC.copy()
    two[20:, :] *= 2
    plain = pixels(contour_sheet([Panel("a", image, 0 * DISC, {"p": 0 * DISC})]))
    drawn = pixels(contour_sheet([Panel("a", image, DISC, {"p": two})]))
    for colour in ("#F0E442", COLOURS[0], COLOURS[1]):
        assert near(drawn, colour) > near(plain, colour) + 40


def test_titles_are_text_and_not_formulas():
    assert contour_sheet([Panel("$x_1 \\frac{", DISC, DISC, {"p": DISC})])


def test_constant_images_are_drawn_without_a_warning():
    assert contour_sheet([Panel("flat", np.ones((8, 8)), DISC[:8, :8], {"p": DISC[:8, :8]})])


def test_the_widest_slice_is_the_one_with_most_truth():
    truth = np.zeros((6, 5, 4), np.uint8)
    truth[:2, :2, 2] = 1
    truth[0, 0, 1] = 1
    image = np.arange(120.0).reshape(1, 6, 5, 4)
    plane, label, others = widest_slice(image, truth, [truth + 1])
    assert label.sum() == 4
    np.testing.assert_array_equal(plane[0], np.rot90(image[0, :, :, 2]))
    np.testing.assert_array_equal(others[0], label + 1)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_as_many_panels_as_cases(count):
    sheet = pixels(contour_sheet([Panel(str(k), DISC, DISC, {"p": DISC}) for k in range(count)]))
    single = pixels(contour_sheet([Panel("0", DISC, DISC, {"p": DISC})]))
    assert sheet.shape[1] >= single.shape[1] * min(count, 4) * 0.9
    assert (sheet.shape[0] > 1.5 * single.shape[0]) == (count > 4)
