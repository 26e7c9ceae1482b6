"""The verdict: accept, look, redo; reasons in words; nothing where nothing backs it."""

import math
from dataclasses import replace

import pytest

from segscope.inference.verdict import FAR, OUTSIDE, Reason, Verdict
from segscope.trust.guarantee import Promise
from segscope.trust.judge import EMPTY, UNLIKE, Judge
from segscope.trust.lesions import Lesion, LesionModel
from tests.trust.test_predictor import FOUND, USUAL

SEEN = Verdict()
GOOD = {"sdc": 0.99, "margin": 0.98, "shift": 0.1}
BAD = {"sdc": 0.35, "margin": 0.3, "shift": 0.4}
JUDGE = Judge(predictors={"mean": FOUND, "disc": FOUND}, promise=Promise(good=0.6, risk=0.2))


def judged(figures, judge=JUDGE, seen=SEEN, empty=False):
    return judge.case({"mean": figures, "disc": figures}, seen, empty=empty)


def test_a_good_case_is_accepted_without_a_word():
    found = judged(GOOD)
    assert (found["verdict"], found["reasons"]) == ("accept", [])
    assert found["lower"] <= found["predicted_dice"] <= found["upper"]
    assert found["labels"]["disc"]["predicted_dice"] == found["predicted_dice"]
    assert found["scores"] == GOOD


def test_a_bad_case_is_to_be_redone_and_says_what_drew_it_down():
    found = judged(BAD)
    assert found["verdict"] == "redo"
    usual = FOUND.usual[0]
    said = f"the network is unsure of the voxels that it marked (sdc 0.35, usually {usual:.2f})"
    assert found["reasons"][0] == said
    assert found["reasons"][1].startswith("the mask changes when the threshold moves a little")


def test_between_them_it_is_to_be_looked_at():
    found = judged({"sdc": 0.7, "margin": 0.6, "shift": 0.5})
    assert found["verdict"] == "look"
    assert found["reasons"]


def test_what_is_promised_is_where_accepting_begins():
    limit = JUDGE.guarantee.threshold
    assert limit is not None
    for sdc in (0.5, 0.6, 0.7, 0.8, 0.9):
        found = judged(USUAL | {"sdc": sdc})
        assert (found["verdict"] == "accept") == (found["predicted_dice"] > limit)


def test_without_a_promise_the_interval_decides():
    judge = replace(JUDGE, promise=Promise(good=0.6, risk=0.01, confidence=0.99))
    assert judge.guarantee.threshold is None
    for sdc in (0.5, 0.7, 0.9, 0.99):
        found = judged(GOOD | {"sdc": sdc}, judge)
        assert (found["verdict"] == "accept") == (found["lower"] >= 0.6)


@pytest.mark.parametrize("level", [OUTSIDE, FAR])
def test_what_lies_outside_is_never_accepted(level):
    seen = Verdict((Reason(level, "spacing 9 mm"),))
    found = judged(GOOD, seen=seen)
    assert found["verdict"] == "look"
    assert found["reasons"][0] == f"{level} of what was trained on: spacing 9 mm"
    assert (found["predicted_dice"] is None) == (level == FAR)


def test_unlike_features_widen_and_then_withdraw():
    unlike, beyond = judged(GOOD | {"shift": 2.0}), judged(GOOD | {"shift": 9.0})
    assert (unlike["verdict"], unlike["reasons"][0]) == ("look", UNLIKE)
    assert unlike["unlike_training"]
    assert unlike["predicted_dice"] is not None
    assert (beyond["verdict"], beyond["predicted_dice"], beyond["lower"]) == ("look", None, None)


def test_nothing_predicted_is_to_be_redone():
    found = judged(GOOD, empty=True)
    assert (found["verdict"], found["reasons"]) == ("redo", [EMPTY])


def test_a_figure_that_is_not_finite_backs_no_number():
    found = judged(GOOD | {"margin": math.nan})
    assert (found["verdict"], found["predicted_dice"]) == ("look", None)
    assert found["reasons"] == ["no Dice is predicted: margin is not finite"]
    assert found["scores"]["margin"] is None


def test_without_a_predictor_only_the_order_is_known():
    found = judged(GOOD, Judge(why="7 subjects are too few"))
    assert (found["verdict"], found["predicted_dice"]) == ("look", None)
    assert found["reasons"] == ["no Dice is predicted: 7 subjects are too few"]
    assert found["scores"] == GOOD
    assert Judge().guarantee is None


def test_lesions_come_least_likely_first():
    model = LesionModel((0.0, 10.0, 0.0, 0.0), -7.0, 0.9, 30, 20)
    lesions = [Lesion(1, 9, p, p, p, (1.0, 2.0)) for p in (0.9, 0.5, 0.7)]
    rows = Judge(lesions=model).of_lesions(lesions)
    assert [row["confidence"] for row in rows] == pytest.approx([0.1192, 0.5, 0.8808])
    assert len(Judge(lesions=model).of_lesions(lesions * 30)) == 50
    assert Judge().of_lesions(lesions) == []
