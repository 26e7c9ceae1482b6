"""A template's frame: there and back, and refused where it is none."""

import numpy as np
import pytest

from segscope.images import Frame, Grid

GRID = Grid.from_spacing((3, 4), (2.0, 1.0))


def test_the_way_back_undoes_the_way():
    frame = Frame(GRID, [[0, -1, 5], [1, 0, 2], [0, 0, 1]])
    # a quarter turn and a shift: (3, 4) goes to (1, 5)
    assert (frame.to_image @ [3, 4, 1]).tolist() == [1.0, 5.0, 1.0]
    assert (frame.to_template @ [1, 5, 1]).tolist() == [3.0, 4.0, 1.0]


@pytest.mark.parametrize(
    "matrix", [np.eye(4), np.zeros((3, 3))], ids=["of a volume", "not invertible"]
)
def test_a_matrix_that_is_no_frame_is_refused(matrix):
    with pytest.raises(ValueError, match="invertible matrix of 3 x 3"):
        Frame(GRID, matrix)
