"""Tables of hand-made results."""

from segscope.explain import CAM_METHODS
from segscope.studies.cam_tables import by_layer, layers, methods, shortcuts, weak_labels
from tests.studies.cam_results import outcome


def test_every_way_has_its_three_scores_by_subject():
    (table,) = methods(outcome()).tables
    assert [row[:2] for row in table.rows] == [
        [n, m] for n in ("good", "poor") for m in CAM_METHODS
    ]
    assert table.rows[0][2:] == [
        "0.8 (0.8 to 0.8, n 8)",
        "0.9 (0.9 to 0.9, n 8)",
        "1 (1 to 1, n 8)",
    ]
    assert "Dice 0.5 (0.5 to 0.5, n 8)" in methods(outcome()).paragraphs[0]


def test_layers_are_named_with_their_sides():
    (table,) = by_layer(outcome()).tables
    assert table.rows[0][:4] == ["good", "two", "4 x 4", "0.3 (0.3 to 0.3, n 8)"]
    assert len(table.columns) == len(table.rows[0]) == 7
    (table,) = layers(outcome()).tables
    assert table.rows[0][1:4] == ["two", "4 x 4", 1.0]  # 0.7 against 0.6
    assert table.rows[0][4].startswith("0.7 ")
    assert layers(outcome()).charts[0].series["good"] == ([0.0, 1.0], [0.6, 0.7])


def test_weak_labels_stand_beside_true_masks_and_the_whole_region():
    table, pairs = weak_labels(outcome()).tables
    assert table.rows[-2][0::3] == ["true masks", "0.9 (0.9 to 0.9, n 8)"]
    assert table.rows[-1][2] == "0.5 (0.5 to 0.5, n 8)"
    assert len(pairs.rows) == 4


def test_shortcuts_have_intervals():
    (table,) = shortcuts(outcome()).tables
    assert table.rows == [["rows", 0.5, 0.4, 0.6]]
