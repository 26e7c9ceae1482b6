"""One rule of depth, colour, transparency and orientation, by hand and as Pillow turns."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from segscope.data.decoders.colour import Plane, as_meant
from segscope.errors import InputError

FILE = Path("a.png")
GREY = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)


def meant(plane, *, stored=False):
    return as_meant(FILE, plane, stored=stored)


def refused(plane, words, *, stored=False):
    with pytest.raises(InputError, match=words):
        as_meant(FILE, plane, stored=stored)


@pytest.mark.parametrize("value", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(value):
    picture = Image.fromarray(GREY[..., 0])
    picture.getexif()[274] = value
    expected = np.asarray(ImageOps.exif_transpose(picture))
    found = meant(Plane(GREY, 8, "grey", orientation=value))
    np.testing.assert_array_equal(found.array[0], expected)
    assert len(found.notes) == (value != 1)


@pytest.mark.parametrize("value", [0, 9])
def test_an_orientation_without_meaning_is_said(value):
    found = meant(Plane(GREY, 8, "grey", orientation=value))
    np.testing.assert_array_equal(found.array, GREY.transpose(2, 0, 1))
    assert "has no meaning" in found.notes[0]


def test_few_bits_are_not_stretched_and_that_is_said():
    found = meant(Plane(GREY % 4, 2, "grey"))
    assert found.array.max() == 3
    assert found.notes == ("2 bits per sample: its values are 0 to 3",)


def test_where_zero_is_white_images_are_turned_round_and_labels_are_not():
    plane = Plane(GREY, 8, "grey", white_is_zero=True)
    assert meant(plane).array[0].tolist() == [[255, 254, 253], [252, 251, 250]]
    np.testing.assert_array_equal(meant(plane, stored=True).array[0], GREY[..., 0])
    refused(Plane(GREY.astype(float), 64, "grey", white_is_zero=True), "no black")


def test_palettes_are_colours_for_images_and_indices_for_labels():
    palette = np.array([[9, 9, 9], [1, 2, 3]], np.uint8)
    plane = Plane(GREY % 2, 8, "palette", palette=palette)
    assert meant(plane).array[:, 0, 1].tolist() == [1, 2, 3]
    assert meant(plane, stored=True).array[0].tolist() == [[0, 1, 0], [1, 0, 1]]
    greys = Plane(GREY % 2, 8, "palette", palette=palette[:, :1].repeat(3, 1))
    assert meant(greys).array.tolist() == [[[9, 1, 9], [1, 9, 1]]]
    refused(
        Plane(GREY, 8, "palette", palette=palette), "has the index 5 where its palette ends at 1"
    )
    refused(Plane(GREY, 8, "palette"), "no palette")


def test_opaque_alpha_is_dropped_and_one_transparent_pixel_is_refused():
    rgba = np.full((2, 3, 4), 255, np.uint8)
    assert meant(Plane(rgba, 8, "rgb", alpha=True)).array.shape == (3, 2, 3)
    rgba[1, 2, 3] = 254
    refused(Plane(rgba, 8, "rgb", alpha=True), "partly transparent")
    holes = np.zeros((2, 3), bool)
    assert meant(Plane(GREY, 8, "grey", transparent=holes)).notes == ()
    holes[0, 0] = True
    refused(Plane(GREY, 8, "grey", transparent=holes), "partly transparent")
    assert meant(Plane(GREY, 8, "grey", transparent=holes), stored=True).array[0, 0, 0] == 0


def test_labels_are_never_of_lossy_compression():
    plane = Plane(GREY, 8, "grey", lossy="JPEG")
    assert meant(plane).array.shape == (1, 2, 3)
    refused(plane, "compressed with JPEG, which changes labels", stored=True)
