"""The tidy table of an experiment: means over subjects, the order of arms, what is not done."""

import json
import math

import pytest

from segscope.experiments.table import collect, flat_row
from tests.experiments.outcomes import SUBJECTS, outcome


def test_arms_are_ordered_by_what_is_better():
    found = outcome().estimates("dice")
    assert list(found) == ["both", "image"]
    # 0.5, the mean of 0 to 7 hundredths, half of a fifth; half of a tenth more for "both"
    assert found["image"].mean == pytest.approx(0.635)
    assert found["both"].mean == pytest.approx(0.685)
    assert (found["image"].n, found["image"].undefined) == (len(SUBJECTS), 0)


def test_a_part_of_the_draws_is_an_outcome_of_its_own():
    part = outcome().of_draws(["n1_seed0"])
    assert {row["draw"] for row in part.rows} == {"n1_seed0"}
    assert [trial.draw.name for trial in part.trials] == ["n1_seed0"] * 2
    assert outcome().sizes == [1, 2]
    assert part.values("both", "dice")["s"] == pytest.approx(0.6)


def test_differences_are_from_the_reference_with_the_signs_of_all_subjects():
    (one,) = outcome().of_size(1).differences("dice")
    assert (one.arm, one.reference) == ("both", "image")
    assert one.estimate.mean == pytest.approx(0.1)
    assert one.p == pytest.approx(2 / 2**8)


def test_what_is_undefined_in_a_row_is_left_out_and_counted():
    found = outcome()
    found.rows[0]["dice"] = math.nan
    lost = found.of_draws(["n1_seed0"]).estimates("dice")["image"]
    assert (lost.n, lost.undefined) == (7, 1)
    assert lost.mean == pytest.approx(0.54)  # of 1 to 7 hundredths more than 0.5


def test_results_are_read_and_those_that_are_not_there_are_named(tmp_path, monkeypatch):
    first, second = outcome().trials[:2]
    row = {"case": "s", "subject": "s", "label": "l", "status": "scored",
           "scores": {"dice": 0.5, "hd95_mm": None}}  # fmt: skip
    known = {first.arm.name: {"format": 1, "rows": [row], "minutes": 2.0}}
    monkeypatch.setattr(
        "segscope.experiments.table.read_result", lambda folder, trial: known.get(trial.arm.name)
    )
    found = collect(tmp_path, outcome().experiment, [first, second])
    assert found.undone == ("both n1_seed0",)
    assert found.costs == {"image": ({"draw": "n1_seed0", "minutes": 2.0},)}
    assert found.rows[0]["dice"] == 0.5
    assert math.isnan(found.rows[0]["hd95_mm"])
    assert list(flat_row(first, row))[:7] == [
        "arm", "draw", "seed", "case", "subject", "label", "status"
    ]  # fmt: skip


def test_the_whole_is_plain_numbers():
    facts = json.loads(json.dumps(outcome().to_dict()))
    assert list(facts["arms"]["dice"]) == ["both", "image"]
    assert facts["differences"]["dice"][0]["arm"] == "both"
    assert facts["undone"] == []
    assert outcome().to_csv().count("\n") == 1 + len(outcome().rows)


def test_a_notebook_shows_arms_with_their_intervals():
    shown = outcome()._repr_html_()
    assert "<td>dice</td><td>both</td><td>0.685</td>" in shown
    assert shown.count("<td>image</td>") == len(outcome().experiment.metrics)
