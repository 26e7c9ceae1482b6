"""Shortcuts of regions whose classes differ in one figure only."""

import pytest

from segscope.training.classify_images import labelled_images
from segscope.workflows.region_facts import find_shortcuts, region_facts
from tests.training.test_classify import write_classes


def test_what_differs_sorts_the_classes_and_what_is_the_same_does_not(tmp_path):
    dataset = write_classes(tmp_path / "data")  # bright discs are abnormal; all have equal sides
    found = find_shortcuts(dataset, labelled_images(dataset, "class"))
    assert (found["mean grey"].value, found["mean grey"].lower) == (1, 1)
    assert (found["rows"].value, found["rows"].upper) == (0.5, 0.5)
    assert found["middle less rim"].value == 1
    assert 0 <= found["sharpness"].lower <= found["sharpness"].value <= found["sharpness"].upper


def test_abnormal_regions_are_measured_and_all_have_a_subject(tmp_path):
    rois = write_classes(tmp_path / "data", subjects=4, each=1)
    facts = region_facts(rois)
    assert facts["subjects"] == {case.name: case.group for case in rois.training}
    # a mask of 16 x 16 in 40 x 36: twice it, of it and the whole
    assert set(facts["whole"]) == set(facts["centred"]) == {"s01_0", "s03_0"}
    assert facts["whole"]["s01_0"] == pytest.approx(2 * 256 / (256 + 40 * 36))
    assert facts["centred"]["s01_0"] > 0.2
    assert facts["shortcuts"]["mean grey"]["value"] == 1
