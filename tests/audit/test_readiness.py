"""The rules of the verdict, each at both of its sides."""

import math
from dataclasses import dataclass

import pytest

from segscope.audit.readiness import judge_model


@dataclass(frozen=True)
class Mean:
    mean: float
    low: float
    high: float
    n: int = 20


GOOD_CASES = {f"c{k}": 0.9 for k in range(20)}
GOOD = Mean(0.9, 0.88, 0.92)


def level(mean=GOOD, labels=None, cases=GOOD_CASES, **more):
    return judge_model(mean, labels or {"a": GOOD}, cases, **more).level


def test_good_scores_of_enough_subjects_are_ready():
    found = judge_model(GOOD, {"a": GOOD}, GOOD_CASES, unit="subjects")
    assert found.sentence == (
        "Ready, for cases like these: mean Dice 0.90 (0.88 to 0.92, 20 subjects)"
    )
    assert found.reasons == ("good means a Dice of 0.7 or more",)


def test_an_interval_that_ends_below_good_is_not_ready_however_few_the_cases():
    assert level(Mean(0.3, 0.2, 0.699, n=4)) == "bad"
    assert level(Mean(0.3, 0.2, 0.701, n=4)) == "unknown"


def test_no_better_than_chance_is_not_ready():
    assert level(chance=0.9) == "bad"
    assert level(chance=0.89) == "good"


def test_a_label_that_is_hardly_found_is_not_ready():
    assert level(labels={"a": GOOD, "b": Mean(0.1, 0.0, 0.349)}) == "bad"
    found = judge_model(GOOD, {"b": Mean(0.2, 0.1, 0.351)}, GOOD_CASES)
    assert found.level == "look"
    assert found.reasons[0] == "the interval of b reaches below 0.7"


@pytest.mark.parametrize(
    "mean", [Mean(0.9, 0.88, 0.92, n=7), Mean(0.9, math.nan, math.nan, n=1),
             Mean(math.nan, math.nan, math.nan, n=0)], ids=["seven", "one", "none"],
)  # fmt: skip
def test_few_subjects_are_too_few(mean):
    found = judge_model(mean, {}, GOOD_CASES)
    assert found.level == "unknown"
    assert found.sentence.startswith("Too few cases to say: ")
    assert "nan" not in found.sentence


def test_eight_subjects_are_enough():
    assert level(Mean(0.9, 0.88, 0.92, n=8)) == "good"


def test_a_wide_interval_asks_for_a_look():
    assert level(Mean(0.8, 0.69, 0.9)) == "look"
    assert level(Mean(0.8, 0.70, 0.9)) == "good"


def test_more_than_a_tenth_of_bad_cases_asks_for_a_look():
    two = {**GOOD_CASES, "c0": 0.2, "c1": 0.3}
    assert level(cases=two) == "good"
    found = judge_model(GOOD, {"a": GOOD}, {**two, "c2": 0.69})
    assert found.level == "look"
    assert found.reasons[-1] == "3 of 20 cases lie below 0.7"


def test_another_good_moves_every_rule():
    assert level(good=0.95) == "bad"
    assert (
        level(Mean(0.5, 0.45, 0.55), {"a": Mean(0.5, 0.45, 0.55)}, {"c": 0.5}, good=0.4) == "good"
    )
    with pytest.raises(ValueError, match="between 0 and 1"):
        level(good=1.0)


def test_layers_are_told_in_words():
    said = judge_model(GOOD, {"a": GOOD}, GOOD_CASES, layers=(3, 14)).reasons
    assert said[-1] == "3 of 14 layers segment better than chance"
