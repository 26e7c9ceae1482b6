"""Labels of dataset.json: names, values, mappings."""

import pytest

from segscope.data import open_dataset
from tests.data.volumes_made import change, refused, warned
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


LABELS = {
    "background is not zero": ({"lesion": 0, "background": 1}, "gives background the value 1"),
    "background is last": ({"a": 0, "b": 1, "Background": 2}, "the value 2, and 0 is 'a'"),
    "background from one": ({"background": 1, "a": 2}, "the value 1, and 0 is no label's"),
    "zero has another name": ({"bg": 0, "a": 1}, "calls 0 'bg'"),
    "background in version 1": ({"0": "a", "1": "background"}, "gives background the value 1"),
    "no name": ({"": 0, "a": 1}, "has the name ''"),
    "a blank name": ({"background": 0, " \u200b": 1}, "has the name"),
    "a line break": ({"background": 0, "a\nb": 1}, "has the name"),
    "blanks apart": ({"background": 0, "a": 1, " a": 2}, "'a' and ' a', which cannot be told"),
    "capitals apart": ({"background": 0, "a": 1, "A": 2}, "cannot be told apart"),
    "zero width apart": ({"background": 0, "ab": 1, "a\u200bb": 2}, "cannot be told apart"),
    "a name twice in version 1": ({"0": "background", "1": "a", "2": "a"}, "cannot be told"),
    "a value twice": ({"background": 0, "a": 1, "b": 1}, "without gaps"),
    "a value twice in version 1": ({"0": "background", "00": "a"}, "without gaps"),
    "mixed versions": ({"0": "background", "a": 1}, "mixes names of numbers"),
    "capital ignore": ({"background": 0, "a": 1, "Ignore": 2}, "'ignore' label"),
    "blank ignore": ({"background": 0, "a": 1, " ignore ": 2}, "'ignore' label"),
    "negative": ({"background": 0, "a": -1}, "not whole numbers"),
    "negative text": ({"background": 0, "a": "-1"}, "not whole numbers"),
    "a fraction of nothing": ({"background": 0, "a": 1.0}, "not whole numbers"),
    "truth": ({"background": False, "a": True}, "not whole numbers"),
    "digits of other scripts": ({"background": 0, "a": "\u0661"}, "not whole numbers"),
    "huge": ({"background": 0, "a": 10**300}, "not whole numbers"),
    "huge text": ({"background": 0, "a": "9" * 5000}, "not whole numbers"),
    "nested": ({"background": 0, "a": {"value": 1}}, "not whole numbers"),
    "nothing": ({"background": 0, "a": None}, "not whole numbers"),
    "regions": ({"background": 0, "a": [1]}, "are regions"),
    "a list": (["background", "a"], "labels is"),
}


@pytest.mark.parametrize(("labels", "words"), LABELS.values(), ids=LABELS)
def test_labels_that_are_not_what_they_say_are_refused(volumes, labels, words):
    change(volumes, labels=labels)
    refused(volumes, words)


UNDERSTOOD = {
    "a capital": {"Background": 0, "a": 1},
    "blanks": {" background\t": 0, "\ufeffa ": 1},
    "texts": {"background": "0", "a": " 1"},
    "version 1": {"0": "background", "1": "a"},
    "version 1 with blanks": {" 1": "a", "0 ": "BACKGROUND"},
}


@pytest.mark.parametrize("labels", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_ways_to_write_labels(volumes, labels):
    change(volumes, labels=labels)
    assert list(open_dataset(volumes).labels.items()) == [("background", 0), ("a", 1)]


def test_names_that_are_numbers_are_names(volumes):
    change(volumes, labels={"background": 0, "1": 1, "2": 2})
    assert open_dataset(volumes).labels == {"background": 0, "1": 1, "2": 2}


def test_blanks_that_were_left_out_are_said(volumes):
    assert "blanks" not in warned(volumes)
    change(volumes, labels={"background": 0, "ball": 1, "core ": 2})
    assert "blanks around names are left out: 'core '" in warned(volumes)


MAPPINGS = {
    "a value twice": ({"255": 1, "0255": 2}, "gives a value twice"),
    "to no label": ({"255": 7}, r"leads to \[7\]"),
    "to truth": ({"255": True}, "label_mapping is"),
    "from a name": ({"lesion": 1}, "label_mapping is"),
    "from digits of other scripts": ({"\u0662": 1}, "label_mapping is"),
    "from a huge number": ({"9" * 5000: 1}, "label_mapping is"),
    "a list": ([255, 1], "label_mapping is"),
}


@pytest.mark.parametrize(("mapping", "words"), MAPPINGS.values(), ids=MAPPINGS)
def test_mappings_that_lead_nowhere_are_refused(volumes, mapping, words):
    change(volumes, label_mapping=mapping)
    refused(volumes, words)
