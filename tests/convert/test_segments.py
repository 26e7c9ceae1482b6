"""Names become labels by wildcards; objects that contradict each other are no map."""

import numpy as np
import pytest

from segscope.convert.segments import Names, Segment, paint

CLASSES = {"background": 0, "brain": 1, "lesion": 2}
BRAIN = Segment("Brain", np.array([1, 1, 0], bool))
LESION = Segment("GTV 1", np.array([0, 1, 1], bool))
NAMES = {"brain": ["brain*"], "lesion": ["gtv ?"]}


def test_names_are_matched_in_any_capitals():
    names = Names(NAMES, ["*ptv*"])
    assert names.label_of("BRAIN total") == "brain"
    assert names.label_of("GTV 1") == "lesion"
    assert names.label_of("old PTV_3") is None
    assert names.labels_of(["GTV 1"]) == ["brain", "lesion"]  # the mapping's, whatever is there
    with pytest.raises(ValueError, match="'GTV 12' is none of the names"):
        names.label_of("GTV 12")
    with pytest.raises(ValueError, match="fits the names of a and b"):
        Names({"a": ["x*"], "b": ["*y"]}).label_of("xy")


def test_without_a_mapping_names_are_labels():
    assert Names({}, ["skin"]).labels_of(["b", "a", "skin", "b"]) == ["a", "b"]


def test_one_label_of_several_objects():
    more = Segment("brain stem", np.array([0, 0, 1], bool))
    label, _ = paint([BRAIN, more], Names(NAMES), CLASSES, (3,))
    assert label.tolist() == [1, 1, 1]


def test_shared_voxels_are_refused_unless_a_rule_says_which_label_counts():
    with pytest.raises(ValueError, match=r"brain and lesion share 1 voxels.*overlap: later"):
        paint([LESION, BRAIN], Names(NAMES), CLASSES, (3,))
    label, notes = paint([LESION, BRAIN], Names(NAMES, later=True), CLASSES, (3,))
    assert label.tolist() == [1, 2, 2]  # the label that is named later, not the file's last object
    assert notes == ["lesion lies over brain where both are"]


def test_objects_that_are_left_out_are_noted():
    label, notes = paint([BRAIN, LESION], Names(NAMES, ["gtv*"]), CLASSES, (3,))
    assert label.tolist() == [1, 1, 0]
    assert notes == ["an object that is left out by its name"]


def test_a_name_that_no_label_has():
    with pytest.raises(ValueError, match="'skull' is none of the labels brain, lesion"):
        paint([Segment("skull", np.ones(3, bool))], Names({}), CLASSES, (3,))
