"""Arrays on their grids: shapes fit, and probabilities become labels."""

import numpy as np
import pytest

from segscope.images import Grid, Image, LabelMap, Probabilities
from segscope.images.image import likeliest

GRID = Grid.from_spacing((2, 3))


@pytest.mark.parametrize(
    ("kind", "array"),
    [(Image, np.zeros((1, 3, 2))), (LabelMap, np.zeros((1, 2, 3), int)),
     (Probabilities, np.zeros((2, 3), np.float32))],
    ids=["image", "label", "probabilities"],
)  # fmt: skip
def test_an_array_of_another_shape_is_refused_with_both(kind, array):
    with pytest.raises(ValueError, match=r"its grid \(2, 3\)"):
        kind(array, GRID)


def test_a_label_map_holds_whole_numbers():
    with pytest.raises(ValueError, match="holds integers, got float64"):
        LabelMap(np.zeros((2, 3)), GRID)


def test_notes_are_added_to_another_image():
    image = Image(np.zeros((1, 2, 3)), GRID, ("a",), "MR")
    noted = image.with_notes("b", "c")
    assert (image.notes, noted.notes) == (("a",), ("a", "b", "c"))
    assert (noted.array is image.array, noted.modality) == (True, "MR")


def test_one_channel_is_foreground_above_a_half_and_not_at_it():
    p = np.array([[[0.5, 0.5000001, 0.49], [0.0, 1.0, 0.5]]], np.float32)
    assert Probabilities(p, GRID).to_labels().array.tolist() == [[0, 1, 0], [0, 1, 0]]


def test_of_several_channels_the_largest_wins_and_the_first_of_equal_ones():
    p = np.array([[0.4, 0.2, 0.1], [0.4, 0.5, 0.1], [0.2, 0.3, 0.8]])
    assert likeliest(p).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("classes", "kind"), [(255, np.uint8), (256, np.uint16)])
def test_labels_hold_all_classes(classes, kind):
    p = np.zeros((classes, 1))
    p[-1] = 1
    found = likeliest(p)
    assert (found.dtype, found[0]) == (kind, classes - 1)
