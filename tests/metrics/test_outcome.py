"""Scores in short: what is shown, over whom, and which cases are worst."""

import math

import pytest

from segscope.metrics import Summary
from segscope.metrics.outcome import outcome_of


def row(case, dice, label="tumour", lesions=1.0, **more):
    return {"case": case, "label": label, "value": 1, "status": "ok", "diagonal_mm": 9.0,
            "n_ref": 5, "n_pred": 5, "dice": dice, "nsd": 0.5, "hd95_mm": 2.0,
            "lesion_recall": 0.5, "lesion_f1": 0.25, "lesions_true": lesions, "iou": 0.1,
            **more}  # fmt: skip


def summary(*rows, subjects=None, convention="default", more=()):
    return Summary(rows, (), (), {"convention": convention}, more, subjects or {})


def test_cases_of_a_subject_are_averaged_first():
    rows = [row("a1", 0.2), row("a2", 0.4), row("b", 0.9)]
    found = outcome_of(summary(*rows, subjects={"a1": "a", "a2": "a", "b": ""}))
    dice = found.labels[0].metrics["dice"]
    assert (dice.mean, dice.n, found.unit) == (pytest.approx(0.6), 2, "subjects")
    alone = outcome_of(summary(*rows))
    assert alone.labels[0].metrics["dice"].mean == pytest.approx(0.5)
    assert (alone.labels[0].metrics["dice"].n, alone.unit) == (3, "cases")


def test_lesions_are_shown_of_labels_that_have_several():
    one = outcome_of(summary(row("a", 0.5), row("b", 0.5)))
    assert list(one.labels[0].metrics) == ["dice", "nsd", "hd95_mm"]
    several = outcome_of(summary(row("a", 0.5, lesions=4.0), row("b", 0.5, lesions=1.0)))
    assert list(several.labels[0].metrics) == [
        "dice", "nsd", "hd95_mm", "lesion_recall", "lesion_f1"
    ]  # fmt: skip
    # cases whose truth is empty say nothing on how many lesions there are
    empty = row("b", math.nan, lesions=0.0, n_ref=0, n_pred=0)
    assert "lesion_f1" in outcome_of(summary(row("a", 0.5, lesions=2.0), empty)).labels[0].metrics


def test_what_was_asked_for_and_the_challenges_figures_are_all_shown():
    asked = outcome_of(summary(row("a", 0.5, mine=3.0), more=("mine",)))
    assert list(asked.labels[0].metrics) == ["dice", "nsd", "hd95_mm", "mine"]
    challenge = outcome_of(summary(row("a", 0.5), convention="wmh2017"))
    assert {"iou", "lesion_recall"} <= set(challenge.labels[0].metrics)


def test_what_does_not_count_as_it_stands_is_counted():
    rows = [
        row("a", math.nan, n_ref=0, n_pred=0),
        row("b", 0.0, status="missing", hd95_mm=math.inf),
    ]
    found = outcome_of(summary(*rows))
    assert found.labels[0].odd == {"undefined": 1, "counted_as_worst": 1, "missing": 1}
    assert found.labels[0].metrics["hd95_mm"].mean == pytest.approx((2.0 + 9.0) / 2)


def test_the_worst_cases_are_named_where_there_are_more_than_they():
    rows = [row(name, dice) for name, dice in zip("abcd", (0.9, 0.1, 0.5, 0.3), strict=True)]
    rows += [row("b", 0.3, label="core")]
    assert outcome_of(summary(*rows)).worst == (("b", 0.2), ("d", 0.3), ("c", 0.5))
    assert outcome_of(summary(*rows[:3])).worst == ()
    facts = outcome_of(summary(*rows)).to_dict()
    assert (facts["unit"], list(facts["worst"])) == ("cases", ["b", "d", "c"])
    assert facts["labels"]["tumour"]["dice"]["n"] == 4
