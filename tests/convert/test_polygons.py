"""Outlines: which pixels lie inside, and what the files of three tools mean."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Outline2D
from PIL import Image

from segscope.convert import convert, pairs_layout
from segscope.convert.polygons import Outline, draw, from_runs, inside, read_annotations
from segscope.data import check_dataset
from segscope.errors import InputError
from tests.convert.trees import colours, picture

CORNERS = [(1.2, 0.7), (6.9, 1.4), (5.1, 6.6), (2.2, 5.3)]


def test_a_square_by_hand():
    # middles from 1.5 to 3.5 lie between 1 and 4
    assert inside([[(1, 1), (4, 1), (4, 3), (1, 3)]], (4, 5)).astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_ring_in_a_ring_is_a_hole():
    outer, inner = [(0, 0), (5, 0), (5, 5), (0, 5)], [(1, 1), (4, 1), (4, 4), (1, 4)]
    found = inside([outer, inner], (5, 5))
    assert found.sum() == 25 - 9
    assert not found[2, 2]


def test_what_lies_beyond_the_picture_is_cut_off():
    assert inside([[(-5, -5), (50, -5), (50, 50), (-5, 50)]], (3, 4)).all()
    assert not inside([[(10, 10), (12, 10), (12, 12)]], (3, 4)).any()


@given(
    st.lists(st.tuples(st.floats(-2, 12), st.floats(-2, 12)), min_size=3, max_size=3, unique=True)
)
def test_triangles_are_those_of_another_library(corners):
    rows, columns = 9, 10
    middles = np.array([(c + 0.5, r + 0.5) for r in range(rows) for c in range(columns)])
    other = Outline2D(corners).contains_points(middles).reshape(rows, columns)
    found = inside([corners], (rows, columns))
    # a middle that lies on an edge (to rounding) may fall to either side
    ring = np.array([*corners, corners[0]])
    near = np.zeros(rows * columns, bool)
    for (x0, y0), (x1, y1) in itertools.pairwise(ring):
        length = max(np.hypot(x1 - x0, y1 - y0), 1e-12)
        off = (middles[:, 0] - x0) * (y1 - y0) - (middles[:, 1] - y0) * (x1 - x0)
        near |= np.abs(off) / length < 1e-6
    assert ((found == other) | near.reshape(rows, columns)).all()


def test_runs_go_down_the_columns():
    assert from_runs([1, 2, 1], (2, 2)).tolist() == [[False, True], [True, False]]
    with pytest.raises(ValueError, match="run lengths of 3 pixels"):
        from_runs([1, 2], (2, 2))


def test_the_later_object_lies_over_the_earlier_and_it_is_counted():
    square = np.array([(0, 0), (3, 0), (3, 3), (0, 3)], float)
    label, over = draw(
        [Outline("a", (square,)), Outline("b", (square + 2,))], {"a": 1, "b": 2}, (6, 6)
    )
    assert over == 1
    assert label[2, 2] == 2
    assert (label == 1).sum() == 8


COCO = {
    "images": [
        {"id": 5, "file_name": "dir/p0.png", "width": 9, "height": 8},
        {"id": 6, "file_name": "p1.png", "width": 9, "height": 8},
    ],
    "categories": [{"id": 1, "name": "mole"}, {"id": 2, "name": "hair"}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "segmentation": [[1, 1, 4, 1, 4, 4, 1, 4]]},
        {"id": 2, "image_id": 5, "category_id": 2,
         "segmentation": {"size": [8, 9], "counts": [64, 8]}},
    ],
}  # fmt: skip
LABELME = {
    "imagePath": "..\\pictures\\p0.png",
    "shapes": [
        {"label": "mole", "shape_type": "polygon", "points": [[1, 1], [4, 1], [4, 4], [1, 4]]},
        {"label": "hair", "shape_type": "rectangle", "points": [[8, 0], [9, 8]]},
    ],
}
VIA = {
    "p0.png1234": {
        "filename": "p0.png",
        "regions": [
            {"shape_attributes": {"name": "polygon", "all_points_x": [1, 4, 4, 1],
                                  "all_points_y": [1, 1, 4, 4]},
             "region_attributes": {"what": "mole"}},
            {"shape_attributes": {"name": "rect", "x": 8, "y": 0, "width": 1, "height": 8},
             "region_attributes": {"what": "hair"}},
        ],
    },
    "p1.png99": {"filename": "p1.png", "regions": {}},
}  # fmt: skip


def truth():
    label = np.zeros((8, 9), np.uint8)
    label[1:4, 1:4], label[:, 8] = 2, 1  # hair comes before mole
    return label


def pictures(at, count=2):
    for k in range(count):
        picture(at / "images" / f"p{k}.png", colours(k))


def labelme(at):
    folder = at / "json"
    folder.mkdir()
    (folder / "p0.json").write_text(json.dumps(LABELME))
    (folder / "p1.json").write_text(json.dumps({"imagePath": "p1.png", "shapes": []}))
    return "json"


def one_file(facts):
    def write(at):
        (at / "made.json").write_text(json.dumps(facts))
        return "made.json"

    return write


@pytest.mark.parametrize(
    "write", [one_file(COCO), one_file(VIA), labelme], ids=["coco", "via", "labelme"]
)
def test_the_same_drawing_in_three_tools_is_the_same_dataset(tmp_path, write):
    pictures(tmp_path / "source")
    name = write(tmp_path / "source")
    layout = pairs_layout("images", None, {}, annotations=name)
    done = convert(tmp_path / "source", tmp_path / "out", layout)
    assert done.labels == {"background": 0, "hair": 1, "mole": 2}
    assert done.unexpected == ()
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "p0.png"))
    assert (label == truth()).all()
    assert not np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "p1.png")).any()
    assert check_dataset(tmp_path / "out").problems == ()


def test_a_picture_that_nobody_looked_at_is_no_empty_one(tmp_path):
    pictures(tmp_path / "source", 3)
    one_file(COCO)(tmp_path / "source")
    with pytest.raises(InputError, match=r"p2\.png: has no outlines"):
        convert(tmp_path / "source", tmp_path / "out",
                pairs_layout("images", None, {}, annotations="made.json"))  # fmt: skip


def test_objects_that_were_not_named_are_refused(tmp_path):
    pictures(tmp_path / "source")
    one_file(COCO)(tmp_path / "source")
    layout = pairs_layout("images", None, {"mole": 1}, annotations="made.json")
    with pytest.raises(InputError, match="an object is called hair"):
        convert(tmp_path / "source", tmp_path / "out", layout)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([1], "is not understood"),
        ({"a": 1}, "is not understood"),
        ({"imagePath": "a", "shapes": [{"label": "x", "shape_type": "line", "points": []}]},
         "a line has no area"),
        ({"imagePath": "a", "shapes": [{"label": "x", "points": [[0, 0], [1, 1]]}]},
         "has 2 corners"),
        ({**COCO, "annotations": [{"id": 7, "image_id": 5, "category_id": 1, "segmentation": []}]},
         "annotation 7 has a box and no outline"),
        ({**COCO, "annotations": [{"id": 7, "image_id": 5, "category_id": 1,
                                   "segmentation": {"size": [8, 9], "counts": "abc"}}]},
         "run lengths as text"),
    ],
    ids=["list", "nothing", "line", "two corners", "box", "packed runs"],
)  # fmt: skip
def test_files_of_other_forms_say_what_is_wrong(tmp_path, facts, said):
    (tmp_path / "x.json").write_text(json.dumps(facts))
    with pytest.raises(InputError) as error:
        read_annotations(tmp_path / "x.json")
    assert said in str(error.value)


def test_an_empty_folder_of_drawings_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.json"):
        read_annotations(tmp_path)
