"""Figures of an audit."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from segscope.images.overlay import COLOURS
from segscope.report import (
    attention_figure,
    pruning_figure,
    scores_figure,
)
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
