"""Rows of hand-made results."""

import pytest

from segscope.studies.cam_rows import layers_of, rows_of, scores_of
from tests.studies.cam_results import classifiers


def test_the_tidy_table_has_every_value_once():
    rows = list(scores_of(classifiers()))
    keys = [(row["arm"], row["draw"], row["case"], row["measure"]) for row in rows]
    assert len(keys) == len(set(keys))
    values = [r["value"] for r in rows if r["arm"] == "poor" and r["measure"] == "original right"]
    assert (len(values), sum(values)) == (16, 8)
    assert {r["value"] for r in rows if r["measure"] == "otsu maps"} == {0.8, 0.4}


def test_one_row_per_classifier_and_draw():
    rows = rows_of(classifiers())
    assert [(row["network"], row["draw"]) for row in rows] == [
        ("good", "d0"), ("good", "d1"), ("poor", "d0"), ("poor", "d1")
    ]  # fmt: skip
    # lesions 0, 2, 4, 6 are tested on the first draw: 0.8 less 0.03
    assert rows[0]["otsu_unet_dice"] == pytest.approx(0.77)
    assert rows[0]["minutes"] == 8


def test_one_row_per_layer():
    rows = layers_of(classifiers())
    assert len(rows) == 8  # two classifiers, draws and layers
    assert (rows[1]["layer"], rows[1]["rows"], rows[1]["channels"]) == ("two", 4, 2)
    assert (rows[1]["sa"], rows[1]["sa_untrained"]) == pytest.approx((0.7, 0.6))
