"""Label maps over planes: every label is seen, in its colour, at its place."""

import io

import numpy as np
import pytest
from PIL import Image

from segscope.images.overlay import COLOURS, View, draw_views

GREY = np.full((20, 30), 100, np.uint8)


def drawn(*views, legend=("a", "b"), side=90):
    with Image.open(io.BytesIO(draw_views(views, legend, side=side))) as picture:
        return np.array(picture).astype(int)


def share(pixels, colour):
    wanted = np.array(list(bytes.fromhex(colour[1:])))
    return (np.abs(pixels - wanted).max(-1) < 12).mean()


def view(value=1, **more):
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 5:15] = value
    return View(GREY, labels, **more)


def test_each_label_has_an_outline_of_its_colour_and_a_light_fill():
    labels = view().labels.copy()
    labels[5:15, 18:28] = 2
    pixels = drawn(View(GREY, labels), legend=())
    plane = pixels[8:68, 8:98]  # 20 x 30 pixels, three times as large, in a frame
    assert share(plane[:, :48], COLOURS[0]) > 0.02
    assert share(plane[:, 51:], COLOURS[1]) > 0.02
    assert share(plane[:, 51:], COLOURS[0]) == 0
    inside = plane[30, 30]  # a quarter of the colour, the rest of the image
    assert inside.tolist() == pytest.approx([75, 75 + 114 / 4, 75 + 178 / 4], abs=2)
    assert plane[2, 2].tolist() == [100, 100, 100]


def test_planes_keep_their_proportions():
    tall = drawn(view(pixel=(6.0, 1.0)), legend=(), side=120)
    assert tall.shape[:2] == (120 + 16, 120)  # a fourth as wide as high, on a sheet of least width
    wide = drawn(view(pixel=(1.0, 2.0)), legend=(), side=120)
    assert wide.shape[:2] == (40 + 16, 120 + 16)


def test_labels_beyond_the_colours_are_dashed():
    solid, dashed = (share(drawn(view(k), legend=()), COLOURS[0]) for k in (1, 7))
    assert 0.3 * solid < dashed < 0.7 * solid


def test_a_legend_names_what_has_a_name_and_is_wrapped():
    one = drawn(view(), legend=("a", ""))
    more = drawn(view(), legend=["a long name"] * 6)
    assert len(drawn(view(), legend=())) + 18 == len(one)
    assert len(more) > len(one) + 18
    below = slice(len(drawn(view(), legend=())) - 8, None)
    assert share(one[below], COLOURS[0]) > 0
    assert share(one[below], COLOURS[1]) == 0


def test_photographs_stay_in_colour_and_letters_are_drawn():
    photograph = np.zeros((20, 30, 3), np.uint8)
    photograph[..., 0] = 200
    plain = View(photograph, np.zeros((20, 30), np.uint8))
    assert drawn(plain, legend=())[30, 50].tolist() == [200, 0, 0]
    lettered = View(photograph, plain.labels, title="axial", sides="RLAP")
    assert (drawn(lettered, legend=()) > 220).all(-1).sum() > 40
