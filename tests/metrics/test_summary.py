"""Statistics over cases."""

import math
from statistics import mean, median, stdev

import numpy as np
import pytest

from segscope.metrics import HIGHER_IS_BETTER, statistics
from tests.metrics.scored import SHAPE, evaluate, write


@pytest.mark.parametrize("convention", ["default", "wmh2017"])
def test_statistics_say_what_they_rest_on(folders, convention):
    write(folders / "good" / "c1.nii.gz", np.zeros(SHAPE))
    found = evaluate(folders, "good", convention=convention)
    facts = found.by_label["lesion"]["hd95_mm"]
    values = [row["hd95_mm"] for row in found.rows if row["case"] in ("c0", "c2")]
    values.append(math.hypot(*SHAPE))
    assert facts == pytest.approx(
        {
            "mean": mean(values),
            "sd": stdev(values),
            "median": median(values),
            "n": 3,
            "undefined": 1,
            "counted_as_worst": 1,
            "empty_in_truth": 1,
            "empty_in_prediction": 2,
            "missing": 0,
        }
    )


def test_the_mean_of_one_case_is_that_case(folders):
    for kind in ("truth", "good"):
        for file in (folders / kind).glob("c[123].nii.gz"):
            file.unlink()
    summary = evaluate(folders, "good")
    (row,) = summary.rows
    for name, value in summary.foreground_mean.items():
        assert value == row[name], name
        assert summary.by_label["lesion"][name]["n"] == 1
    assert set(summary.foreground_mean) == set(HIGHER_IS_BETTER) & row.keys()


def test_statistics_of_nothing_are_undefined():
    found = statistics([{"dice": math.nan}], "dice")
    assert math.isnan(found["mean"])
    assert (found["n"], found["undefined"], found["counted_as_worst"]) == (0, 1, 0)


def test_an_undefined_overlap_counts_as_one_only_when_asked_to(folders):
    kept, counted = (evaluate(folders, "good", empty=empty) for empty in ("nan", "one"))
    dice = [summary.by_label["lesion"]["dice"] for summary in (kept, counted)]
    assert [d["n"] for d in dice] == [3, 4]
    assert dice[1]["mean"] == pytest.approx((3 * dice[0]["mean"] + 1) / 4)
    assert [s.conventions["both_empty"] for s in (kept, counted)] == ["undefined", "1"]


def test_a_notebook_shows_means_by_label_and_what_is_missing(folders):
    (folders / "good" / "c1.nii.gz").unlink()
    found = evaluate(folders, "good")
    shown = found._repr_html_()
    assert "1 predictions are missing" in shown
    assert "<th>dice</th>" in shown
    assert f"<td>lesion</td><td>{found.by_label['lesion']['dice']['mean']:.4g}</td>" in shown
