"""Shortcuts of regions whose classes differ in one figure only."""

from segscope.studies.shortcuts import find_shortcuts
from segscope.training.classify_images import labelled_images
from tests.training.test_classify import write_classes


def test_what_differs_sorts_the_classes_and_what_is_the_same_does_not(tmp_path):
    dataset = write_classes(tmp_path / "data")  # bright discs are abnormal; all have equal sides
    found = find_shortcuts(dataset, labelled_images(dataset, "class"))
    assert (found["mean grey"].value, found["mean grey"].lower) == (1, 1)
    assert (found["rows"].value, found["rows"].upper) == (0.5, 0.5)
    assert found["middle less rim"].value == 1
    assert 0 <= found["sharpness"].lower <= found["sharpness"].value <= found["sharpness"].upper
