"""Tables of hand-made results."""

from dataclasses import replace

from segscope.explain import CAM_METHODS
from segscope.studies.cam_tables import by_layer, layers, methods, shortcuts, weak_labels
from tests.studies.cam_results import classifiers, unets


def test_every_way_has_its_three_scores_by_subject():
    (table,) = methods(classifiers()).tables
    assert [row[:2] for row in table.rows] == [
        [n, m] for n in ("good", "poor") for m in CAM_METHODS
    ]
    assert table.rows[0][2:] == [
        "0.8 (0.8 to 0.8, n 8)",
        "0.9 (0.9 to 0.9, n 8)",
        "1 (1 to 1, n 8)",
    ]
    assert "Dice 0.5 (0.5 to 0.5, n 8)" in methods(classifiers()).paragraphs[0]


def test_layers_are_named_with_their_sides():
    (table,) = by_layer(classifiers()).tables
    assert table.rows[0][:4] == ["good", "two", "4 x 4", "0.3 (0.3 to 0.3, n 8)"]
    assert len(table.columns) == len(table.rows[0]) == 7
    (table,) = layers(classifiers()).tables
    assert table.rows[0][1:4] == ["two", "4 x 4", 1.0]  # 0.7 against 0.6
    assert table.rows[0][4].startswith("0.7 ")
    assert layers(classifiers()).charts[0].series["good"] == ([0.0, 1.0], [0.6, 0.7])


def test_weak_labels_stand_beside_true_masks_and_the_whole_region():
    (table,) = weak_labels(classifiers()).tables
    # 0.8 less the mean of 0.00 to 0.07
    assert table.rows[0][:3] == ["good", "otsu", "0.8 (0.8 to 0.8, n 8)"]
    assert table.rows[0][3].startswith("0.765 ")
    assert table.rows[-2][0::3] == ["true masks", "0.9 (0.9 to 0.9, n 8)"]
    assert table.rows[-1][2] == "0.5 (0.5 to 0.5, n 8)"
    few = replace(unets(), rows=tuple(row for row in unets().rows if row["arm"] == "true masks"))
    (table,) = weak_labels(replace(classifiers(), outcome=few)).tables
    assert table.rows[0][3] == "not done"


def test_shortcuts_have_intervals():
    (table,) = shortcuts(classifiers()).tables
    assert table.rows == [["rows", 0.5, 0.4, 0.6]]
