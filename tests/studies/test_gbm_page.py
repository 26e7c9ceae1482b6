"""The paper's printed numbers."""

import pytest

from segscope.studies.gbm_page import PAPER, mean_dice, modality_sections
from segscope.workflows.modalities import ModalityRow


def test_the_papers_tables_agree_with_its_text():
    heart = {row[0]: row[1:] for row in mean_dice(PAPER["heart_dice"])}
    brain = {row[0]: row[1:] for row in mean_dice(PAPER["brain_dice"])}
    # section 3.1.3 and 3.2.2: means over structures as printed there
    for size, printed in ((1, 0.67), (2, 0.73), (4, 0.83), (8, 0.85), (12, 0.85)):
        assert heart[size][1] == pytest.approx(printed, abs=0.011)
    for size, printed in ((1, 0.40), (2, 0.56), (4, 0.67), (8, 0.73), (16, 0.75), (26, 0.77)):
        assert brain[size][1] == pytest.approx(printed, abs=0.011)
    for size, printed in ((1, 0.56), (2, 0.68), (4, 0.75), (8, 0.81), (16, 0.82)):
        assert brain[size][2] == pytest.approx(printed, abs=0.011)


def test_the_papers_centres_and_hours_are_whole():
    for part, cases in (("brain", [1, 2, 4, 8, 16, 26]), ("heart", [1, 2, 4, 8, 12])):
        assert list(PAPER[f"{part}_hours"]) == cases == list(PAPER[f"{part}_dice"])
        structures = {label for rows in PAPER[f"{part}_dice"].values() for label in rows}
        assert set(PAPER[f"{part}_centre_mm"]) == structures
    centre = [mean for mean, _ in PAPER["brain_centre_mm"].values()]
    assert sum(centre) / 3 == pytest.approx(3.12, abs=0.02)  # as the paper's text says


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
