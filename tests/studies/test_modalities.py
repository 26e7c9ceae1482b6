"""Other intensities: agreement counted by hand, and what is said of it."""

import numpy as np
import pytest

from segscope.studies.modalities import ModalityRow, _dice, modality_sections


@pytest.mark.parametrize(
    ("first", "second", "dice"),
    [
        ([0, 1, 1, 2, 2, 0], [1, 1, 1, 2, 1, 0], 6 / 9),  # three agree, of four and five
        ([0, 1, 2], [0, 2, 1], 0.0),  # both found, but taken for each other
        ([0, 0], [0, 0], 1.0),
        ([0, 0], [0, 3], 0.0),
    ],
    ids=["some agree", "exchanged", "nothing in both", "nothing in one"],
)
def test_agreement_over_all_labels(first, second, dice):
    assert _dice(np.array(first, np.uint8), np.array(second, np.uint8)) == pytest.approx(dice)


def test_a_subjects_cases_are_one_value():
    rows = [
        ModalityRow("a1", "inverted", 0.2, 0.4, True),
        ModalityRow("a2", "inverted", 0.4, 0.6, True),
        ModalityRow("b1", "inverted", 0.9, 1.0, True),
    ]
    subjects = {"a1": "a", "a2": "a", "b1": "b"}
    (section,) = modality_sections(rows, subjects)
    (table,) = section.tables
    assert [list(row) for row in table.rows] == [
        ["inverted", "0.6 (0.3 to 0.9, n 2)", "0.75 (0.5 to 1, n 2)"]
    ]
    assert "same mask: yes" in section.paragraphs[0]
    rows[0] = ModalityRow("a1", "inverted", 0.2, 0.4, False)
    assert (
        "same mask: NO"
        in modality_sections(rows, {"a1": "a", "a2": "a", "b1": "b"})[0].paragraphs[0]
    )
    assert modality_sections([], {}) == []
