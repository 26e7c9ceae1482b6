"""The first screen of a run's page: numbers worked out by hand, every case in one list."""

import math

import pytest

from segscope.audit import CaseAudit, DatasetAudit
from segscope.audit.result import LayerScores
from segscope.errors import InputError
from segscope.workflows.run_answer import (
    Scored,
    first_screen,
    layers_above_chance,
    read_scores,
)

PNG = b"\x89PNG\r\n\x1a\n"


def audited(*cases, layers=()):
    return DatasetAudit(
        "net",
        ("a",),
        tuple(CaseAudit(name, mu, {"dice": (dice,)}, layers, ()) for name, mu, dice in cases),
    )


def row(dice, **more):
    return {"status": "ok", "dice": dice, "n_pred": 10, "n_ref": 10, "precision": dice,
            "recall": dice, **more}  # fmt: skip


def test_every_case_is_in_one_list_by_its_dice():
    scored = Scored({f"c{k}": {"a": row(k / 10)} for k in range(11)}, {})
    answer = first_screen(scored, None, {}, good=0.7)
    listed = {one.title: [name for name, _ in one.cases] for one in answer.lists}
    assert listed == {
        "accept": ["c7", "c8", "c9", "c10"],
        "look": ["c4", "c5", "c6"],
        "redo": ["c0", "c1", "c2", "c3"],
    }
    assert {number.name: number.value for number in answer.numbers} == {
        "mean Dice": "0.50", "cases with Dice 0.7 or more": "4 of 11",
    }  # fmt: skip


def test_long_lists_say_how_many_more_there_are():
    scored = Scored({f"c{k:02d}": {"a": row(0.9)} for k in range(20)}, {})
    accept = first_screen(scored, None, {}).lists[0]
    assert (len(accept.cases), accept.more) == (8, 12)


def test_the_worst_cases_that_have_a_picture_are_shown_with_what_is_wrong():
    rows = {
        "x": {"a": row(0.0, n_pred=0, recall=0.0)},
        "y": {"a": row(0.9)},
        "z": {"a": row(0.4, n_pred=50, n_ref=10, recall=1.0, precision=0.2)},
    }
    shown = first_screen(Scored(rows, {}), None, {"heat_z": PNG, "heat_y": PNG}).pictures
    assert [p.caption for p in shown] == ["z: Dice 0.40, too large", "y: Dice 0.90"]
    assert Scored(rows, {}).failures("x") == "missed"


def test_intervals_are_over_subjects_where_these_are_known():
    rows = {name: {"a": row(dice)} for name, dice in (("a1", 0.2), ("a2", 0.4), ("b", 0.9))}
    assert Scored(rows, {}).mean().mean == pytest.approx(0.5)
    by_person = Scored(rows, {"a1": "1", "a2": "1", "b": "2"})
    assert by_person.mean().mean == pytest.approx((0.3 + 0.9) / 2)
    assert by_person.mean().n == 2
    assert by_person.unit == "subjects"


def test_a_case_that_is_rightly_empty_is_accepted_and_is_none_of_the_worst():
    empty = {"status": "ok", "dice": math.nan, "n_pred": 0, "n_ref": 0}
    scored = Scored({"e": {"a": empty}, "x": {"a": row(0.9)}}, {})
    answer = first_screen(scored, None, {"heat_e": PNG, "heat_x": PNG})
    assert answer.lists[0].cases == [("x", "Dice 0.90"), ("e", "rightly empty")]
    assert not answer.lists[1].cases
    assert not answer.lists[2].cases
    assert answer.pictures[0].caption == "x: Dice 0.90"
    assert answer.numbers[1].value == "1 of 1"


def test_a_missing_prediction_is_nothing_right():
    rows = {"x": {"a": {"status": "missing"}}, "y": {"a": row(1.0)}}
    scored = Scored(rows, {})
    assert scored.mean().mean == 0.5
    assert first_screen(scored, None, {}).lists[2].cases == [("x", "Dice 0.00, no prediction")]


def test_without_scores_an_audit_with_truth_is_judged_and_one_without_is_not():
    found = audited(("x", 0.9, 0.8), ("y", 0.2, 0.1))
    assert first_screen(None, found, {}).sentence.endswith("mean Dice 0.45 (0.10 to 0.80, 2 cases)")
    blind = DatasetAudit("net", ("a",), (CaseAudit("x", 0.5, {}, (), ()),))
    answer = first_screen(None, blind, {"heat_x": PNG})
    assert answer.level == "unknown"
    assert "no case has a truth" in answer.sentence
    assert [p.caption for p in answer.pictures] == ["x: mu 0.50"]
    assert first_screen(None, None, {}).level == "unknown"


def test_layers_count_where_the_difference_from_chance_is_sure():
    def layer(dice, chance):
        return LayerScores("l", {"dice": (dice,)}, (dice,), (chance,), (chance,))

    cases = tuple(
        CaseAudit(f"c{k}", 0.5, {"dice": (0.5,)},
                  (layer(0.5 + k / 100, 0.1), layer(0.1 + (-1) ** k * 0.05, 0.1)), ())
        for k in range(8)
    )  # fmt: skip
    assert layers_above_chance(DatasetAudit("net", ("a",), cases)) == (1, 2)


def test_a_run_s_table_of_scores_is_read_and_a_damaged_one_named(tmp_path):
    assert read_scores(tmp_path) is None
    file = tmp_path / "validation" / "metrics.csv"
    file.parent.mkdir()
    file.write_text(
        "case,label,value,status,n_pred,n_ref,dice\n"
        "x.1,liver,1,ok,5,5,0.5\nx.1,'=tumour,2,ok,0,0,\ny,liver,1,missing,,,\n"
    )
    (tmp_path / "split.json").write_text('{"val": ["x.1", "y"], "subjects": {"x.1": 1, "y": 1}}')
    scored = read_scores(tmp_path)
    assert scored.labels == ["liver", "=tumour"]
    assert scored.dice("x.1") == 0.5
    assert scored.dice("y") == 0.0
    assert scored.mean("liver").n == 1
    assert math.isnan(scored.mean("=tumour").mean)
    file.write_text("case,label\nx,liver\n")
    with pytest.raises(InputError, match=r"metrics\.csv: is not a table of scores"):
        read_scores(tmp_path)
