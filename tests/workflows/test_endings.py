"""The last lines of a command: plain columns that a pipe takes."""

from segscope.metrics.estimates import Estimate
from segscope.metrics.outcome import InShort, LabelOutcome
from segscope.workflows.endings import aligned, outcome_lines

NAN = float("nan")


def test_labels_with_other_metrics_share_a_table():
    one = LabelOutcome("a", {"dice": Estimate(0.5, NAN, NAN, NAN, 1, 0)}, {})
    many = {"dice": Estimate(0.5, 0.4, 0.6, 0.1, 20, 0), "hd95_mm": Estimate(12, 9.5, 20, 3, 20, 0)}
    both = InShort((one, LabelOutcome("lesions", many, {"missing": 2})), (("c", 0.1),), "subjects")
    head, first, second, worst = outcome_lines(both)
    assert head.split("  ")[0] == "label"
    assert first.split() == ["a", "0.500", "1", "subject"]
    assert "0.500 (0.400-0.600)" in second
    assert "12 (9.500-20)" in second
    assert second.endswith("20 subjects, 2 missing")
    assert head.index("hd95_mm") == second.index("12 (")
    assert worst == "worst cases by Dice: c 0.100"


def test_what_no_case_defines_is_said():
    none = LabelOutcome("a", {"dice": Estimate(NAN, NAN, NAN, NAN, 0, 3)}, {"undefined": 3})
    assert outcome_lines(InShort((none,), (), "cases"))[1].split() == [
        "a", "undefined", "0", "cases,", "3", "undefined"
    ]  # fmt: skip


def test_no_line_ends_in_blanks():
    assert aligned([["a", ""], ["bb", "c"]]) == ["a", "bb  c"]
