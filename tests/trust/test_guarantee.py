"""The promise: Clopper and Pearson's bound, the fixed order, and 1,000 resplits."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from segscope.errors import InputError
from segscope.trust.guarantee import Promise, find_guarantee, upper_bound


def test_the_bound_is_scipy_s():
    for bad, of in ((0, 22), (3, 40), (12, 30)):
        theirs = binomtest(bad, of, alternative="less").proportion_ci(0.9, method="exact")
        assert upper_bound(bad, of, 0.9) == pytest.approx(theirs.high)
    assert upper_bound(5, 5, 0.9) == 1.0


@pytest.mark.parametrize(
    ("promise", "fewest"),
    [(Promise(), 22), (Promise(risk=0.05, confidence=0.95), 59), (Promise(risk=0.5), 4)],
)
def test_the_fewest_right_cases_just_prove_it(promise, fewest):
    assert promise.fewest == fewest
    assert upper_bound(0, fewest, promise.confidence) <= promise.risk
    assert upper_bound(0, fewest - 1, promise.confidence) > promise.risk


def test_it_accepts_down_to_the_first_failure():
    scores = np.linspace(1, 0, 60)
    dice = np.where(np.arange(60) < 40, 0.9, 0.2)
    found = find_guarantee(scores, dice, Promise())
    # 40 right and one wrong: 9.3 %; one more wrong makes it 12.1 %
    assert (found.accepted, found.bad) == (41, 1)
    assert found.threshold == scores[41]
    assert (scores > found.threshold).sum() == 41


def test_equal_predictions_are_accepted_together():
    scores = np.repeat([0.9, 0.1], [30, 10])
    dice = np.repeat([0.9, 0.1], [30, 10])
    found = find_guarantee(scores, dice, Promise())
    assert (found.accepted, found.threshold) == (30, 0.1)


def test_what_cannot_be_promised_says_why():
    found = find_guarantee([0.5] * 38, [0.2] * 38, Promise())
    assert found.threshold is None
    said = "nothing can be promised: not enough cases: with 38 at least 22 must be right to say so"
    assert found.describe(Promise()).startswith(said)
    few = find_guarantee([], [], Promise())
    assert few.why_not.startswith("not enough cases: with 0 none can be accepted")


def test_all_can_be_accepted_and_the_sentence_names_its_condition():
    found = find_guarantee(np.linspace(0, 1, 50), [0.9] * 50, Promise())
    assert found.threshold == -math.inf
    assert found.to_dict()["all"] is True
    assert found.to_dict()["threshold"] is None
    assert "for cases like the 50" in found.describe(Promise())


@pytest.mark.parametrize("name", ["good", "risk", "confidence"])
def test_numbers_beyond_0_and_1_are_refused(name):
    with pytest.raises(InputError, match=f"--{name} 1.5"):
        Promise(**{name: 1.5})


@pytest.mark.parametrize("noise", [0.05, 0.3], ids=["sharp", "blurred"])
def test_it_holds_in_1000_resplits(noise):
    random, broken = np.random.default_rng(3), 0
    promise = Promise()
    for _ in range(1000):
        dice = random.beta(5, 2, 400)
        score = dice + random.normal(0, noise, 400)
        found = find_guarantee(score[:80], dice[:80], promise)
        if found.threshold is not None:
            # the share over a large population stands for the truth
            many = random.beta(5, 2, 4000)
            taken = many[many + random.normal(0, noise, 4000) > found.threshold]
            broken += (taken < promise.good).mean() > promise.risk
    assert broken <= 100 + 3 * math.sqrt(90)  # 10 % may fail, and chance beside that
