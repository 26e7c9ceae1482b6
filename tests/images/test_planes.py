"""Plane pictures: grey by hand, stretched masks, and figures that know nothing of the content."""

import numpy as np
import pytest

from segscope.images.planes import plain_figures, stretched, to_grey


def test_8_bit_grey_stays_and_colours_are_weighed_by_luminance():
    grey = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    np.testing.assert_array_equal(to_grey(grey), grey[0])
    red, green, blue = (np.full((1, 1), v, np.uint8) for v in (100, 200, 50))
    # 0.299 x 100 + 0.587 x 200 + 0.114 x 50 = 153
    assert to_grey(np.stack([red, green, blue]))[0, 0] == 153


def test_other_types_are_scaled_between_percentiles():
    values = np.linspace(-1000, 1000, 2001).reshape(1, 3, 667).astype(np.int16)
    found = to_grey(values)
    assert (found.min(), found.max()) == (0, 255)
    assert found[0, 1] == 0  # below the 0.5 percentile, -990
    assert found.ravel()[1000] == pytest.approx(127.5, abs=0.5)
    assert not to_grey(np.full((1, 2, 2), 7.0)).any()


def test_a_mask_is_stretched_by_nearest_pixels():
    mask = np.array([[1, 0], [0, 1]], bool)
    np.testing.assert_array_equal(
        stretched(mask, (4, 4)), np.kron(mask, np.ones((2, 2), bool)).astype(bool)
    )
    assert stretched(np.ones((5, 7), bool), (3, 2)).all()


def test_figures_by_hand():
    image = np.zeros((8, 4), np.uint8)
    image[2:6, 1:3] = 252
    found = plain_figures(image)
    assert (found["rows"], found["columns"], found["rows / columns"]) == (8, 4, 2)
    assert (found["share of white"], found["share of black"]) == (0.25, 0.75)
    assert found["mean grey"] == 63
    assert found["middle less rim"] == 252
    assert found["deviation of grey"] == pytest.approx(252 * np.sqrt(0.25 * 0.75))
    assert plain_figures(np.full((4, 4), 9, np.uint8))["sharpness"] == 0
