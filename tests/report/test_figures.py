"""Pictures: something is drawn for every number that goes in."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from segscope.report import (
    Panel,
    attention_figure,
    contour_sheet,
    pruning_figure,
    scores_figure,
    widest_slice,
)
from segscope.report.figures import COLOURS
from tests.synthetic import ball


@dataclass
class Row:
    level: int
    parameters: int
    seconds: float
    dice: float


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


def test_larger_levels_have_larger_circles():
    rows = [Row(1, 10, 0.1, 0.7), Row(2, 1000, 0.2, 0.8)]
    image = pixels(pruning_figure(rows))
    # circles let 40 percent of the white page through
    first, second = (near(image, c) for c in ("#66AAD1", "#E69E66"))
    assert second > 4 * first > 0


def test_every_finite_score_is_a_point_and_an_undefined_one_is_none():
    both = pixels(scores_figure({"a": [0.1, 0.5, 0.9], "b": [0.2, float("nan")]}, "Dice"))
    assert near(both, COLOURS[0]) > 0
    assert near(both, COLOURS[1]) > 0


def test_attention_is_shown_for_every_gate_and_epoch():
    maps = [(e, n, np.full((10, 10), 0.5, np.float32)) for e in (1, 5) for n in ("01", "02")]
    sheet = pixels(attention_figure(np.random.rand(1, 40, 40), DISC, maps))
    one = pixels(attention_figure(np.random.rand(1, 40, 40), DISC, maps[:1]))
    assert sheet.shape[0] > one.shape[0]
    assert near(sheet, "#21918c") > 3 * near(one, "#21918c")  # viridis at a half


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
