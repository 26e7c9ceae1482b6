"""Labels in the values of a challenge."""

import pytest

from segscope.convert import layout_names, read_layout, values_back
from segscope.convert.layout import make_layout
from segscope.errors import InputError


@pytest.mark.parametrize(
    ("layout", "labels", "expected"),
    [("brats2018", {"background": 0, "necrotic_and_non_enhancing_core": 1, "edema": 2,
                    "enhancing_tumour": 3}, {0: 0, 1: 1, 2: 2, 3: 4}),
     ("mmwhs", {"background": 0, "left_atrium": 3, "aorta": 1}, {0: 0, 3: 420, 1: 820}),
     ("chaos_t2spir", {"background": 0, "spleen": 1}, {0: 0, 1: 252})],
    ids=["one by one", "first of several", "of a range"],
)  # fmt: skip
def test_values_are_the_challenges(layout, labels, expected):
    assert values_back(read_layout(layout), labels) == expected


@pytest.mark.parametrize(
    ("layout", "labels", "said"),
    [("brats2018", {"background": 0, "edema": 1, "cyst": 2}, "cyst is none of its labels"),
     ("msd", {"background": 0, "a": 1}, "it names none")],
    ids=["other name", "no names"],
)  # fmt: skip
def test_labels_that_the_challenge_does_not_have(layout, labels, said):
    with pytest.raises(InputError, match=said):
        values_back(read_layout(layout), labels)


def test_a_range_says_no_value():
    layout = make_layout({"name": "x", "case": "{a}.png", "labels": {"skin": "1..255"}}, "x")
    with pytest.raises(InputError, match="skin stands for a range of values there"):
        values_back(layout, {"background": 0, "skin": 1})
    with pytest.raises(InputError, match="writes: hair is none of the labels"):
        make_layout({"name": "x", "case": "{a}.png", "writes": {"hair": 1}}, "x")


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_that_names_labels_leads_back(name):
    layout = read_layout(name)
    if layout.labels:
        back = values_back(layout, layout.classes)
        assert set(back) == set(layout.classes.values())
        for label, value in layout.classes.items():
            meant = layout.labels.get(label)
            assert (
                meant is None
                or value == 0
                or any(low <= back[value] <= high for low, high in meant.ranges)
            )
