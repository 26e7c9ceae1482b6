"""A frame's file: the same numbers again, or refused by name."""

import json

import numpy as np
import pytest

from segscope.data import load_case, read_frame, write_frame, write_image
from segscope.errors import InputError
from segscope.images import Case, Frame, Grid, Image

FRAME = Frame(Grid((2, 3), [[0, 1 / 3, 5], [-0.1, 0, 2], [0, 0, 1]]), np.diag([1 / 7, 3, 1.0]))


@pytest.fixture
def file(tmp_path):
    write_frame(tmp_path / "c.frame.json", FRAME)
    return tmp_path / "c.frame.json"


def test_a_frame_comes_back_to_the_bit_with_its_case(tmp_path, file):
    image = Image(np.ones((1, 4, 4), np.uint8), Grid.from_spacing((4, 4)))
    write_image(tmp_path / "c.png", image)
    found = load_case(Case("c", (tmp_path / "c.png",), frame_file=file), channels=1).image.frame
    assert found.grid.shape == (2, 3)
    np.testing.assert_array_equal(found.grid.affine, FRAME.grid.affine)
    np.testing.assert_array_equal(found.to_image, FRAME.to_image)
    assert load_case(Case("c", (tmp_path / "c.png",)), channels=1).image.frame is None


def test_what_is_no_frame_is_refused(tmp_path, file):
    with pytest.raises(InputError, match="is 2D, the image 3D; make the masks again"):
        read_frame(file, dims=3)
    facts = json.loads(file.read_text())
    facts["matrix_template_to_image_mm"] = [[0, 0, 0]] * 3
    file.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"is no frame .*make the masks again"):
        read_frame(file, dims=2)
    file.write_text('{"format": 1}')
    with pytest.raises(InputError, match="make the masks again"):
        read_frame(file, dims=2)
    image = Image(np.ones((1, 4, 4), np.uint8), Grid.from_spacing((4, 4)))
    write_image(tmp_path / "c.png", image)
    with pytest.raises(InputError, match=r"frame\.json"):
        load_case(Case("c", (tmp_path / "c.png",), frame_file=file), channels=1)
