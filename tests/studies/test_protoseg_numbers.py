"""Measures of several folds and seeds: a subject counts once, and p are corrected."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy import stats

from segscope.audit import CaseAudit, DatasetAudit, LayerScores
from segscope.audit.sensitivity import Noisy, Separable
from segscope.audit.summary import pooled, with_dice
from segscope.experiments.statistics import holm
from segscope.studies.protoseg_measures import Audited
from segscope.studies.protoseg_numbers import (
    layers,
    noise_curves,
    outputs,
    rank_correlations,
    separableness,
)

SUBJECTS = {"a1": "a", "a2": "a", "b": "b", "c": "c"}


def case(name, dice, *abilities, mu=0.5):
    found = [LayerScores(str(k), {"dice": (v,)}, (v,), (0.0,), (0.0,))
             for k, v in enumerate(abilities)]  # fmt: skip
    return CaseAudit(name, mu, {"dice": (dice,)}, tuple(found), ())


def audited(seed, *cases):
    trial = SimpleNamespace(draw=SimpleNamespace(seed=seed))
    return Audited(trial, DatasetAudit("m", ("disc",), cases, {}), Path())


OFFLINE = [
    audited(0, case("a1", 0.2, 0.1, 0.2, mu=0.1), case("a2", 0.6, 0.3, 0.4, mu=0.2)),
    audited(0, case("b", math.nan, 0.5, 1.0, mu=0.3)),
    audited(1, case("a1", 0.4, 0.3, 0.6, mu=0.6), case("a2", 0.8, 0.5, 0.6, mu=0.4)),
    audited(1, case("b", 1.0, 0.7, 0.8, mu=0.9), case("c", 0.0, 0.0, 0.0, mu=0.0)),
]
ONLINE = [audited(one.trial.draw.seed, *one.found.cases) for one in OFFLINE]
AUDITS = {"offline": OFFLINE, "online": ONLINE}


def test_a_subjects_cases_and_seeds_are_averaged_before_subjects_are():
    output, last, mean, _ = outputs(AUDITS, SUBJECTS)
    # a1 is 0.3 over its seeds, a2 is 0.7: the subject 0.5; b is defined once: 1; c is 0
    assert output.arms["offline"].mean == pytest.approx(0.5)
    assert output.arms["offline"].sd == pytest.approx(0.5)
    assert output.arms["offline"].n == 3
    # the last map: a1 0.4, a2 0.5, so a 0.45; b only where its Dice is defined: 0.8
    assert last.arms["offline"].mean == pytest.approx((0.45 + 0.8 + 0) / 3)
    # layers' means: a1 (0.15 + 0.45) / 2, a2 (0.35 + 0.55) / 2; b 0.75 in both seeds
    assert mean.arms["offline"].mean == pytest.approx((0.375 + 0.75 + 0) / 3)
    assert output.difference.estimate.mean == 0


def test_layers_are_compared_one_by_one_with_corrected_p():
    subjects = {f"c{k}": f"c{k}" for k in range(8)}
    made = {
        arm: [audited(0, *(case(n, 0.5, 0.1 + shift * (k + 1), 0.2 - shift * k, 0.3)
                           for k, n in enumerate(subjects)))]
        for arm, shift in (("offline", 0.0), ("online", 0.01))
    }  # fmt: skip
    found = layers(made, subjects)
    assert [one.name for one in found] == ["0", "1", "2"]
    assert [one.difference.estimate.mean for one in found] == pytest.approx([0.045, -0.035, 0])
    p = [one.difference.p for one in found]
    assert p[0] == pytest.approx(2 / 2**8)  # all eight go up
    assert [one.difference.p_holm for one in found][:2] == holm(p)[:2]
    assert found[0].difference.p_holm > p[0]


def test_correlations_are_of_each_seed_and_their_mean():
    found = rank_correlations(OFFLINE, SUBJECTS)["mu"]
    # seed 0 has two cases with a Dice: too few; seed 1 has four
    order = stats.spearmanr([0.6, 0.4, 0.9, 0.0], [0.4, 0.8, 1.0, 0.0]).statistic
    assert found.value == pytest.approx(order)
    assert found.lower <= found.value <= found.upper


def test_undefined_cases_are_left_out():
    found = with_dice(pooled([one.found for one in OFFLINE], "x"))
    assert [one.name for one in found.cases].count("b") == 1


def test_separableness_and_noise_count_subjects():
    rows = [Separable("a1", 0.5, 0.1), Separable("a2", 0.7, 0.1), Separable("b", 1.0, 0.8)]
    found = separableness(rows, SUBJECTS)
    assert found["distance"].mean == pytest.approx((0.5 + 0.2) / 2)
    assert found["distance"].n == 2
    noisy = [Noisy("a1", 0.5, (-0.1, math.nan)), Noisy("a2", 0.5, (-0.3, -0.2)),
             Noisy("b", 0.5, (0.0, 0.0)), Noisy("b", 1.0, (-1.0, -1.0))]  # fmt: skip
    curves = noise_curves(noisy, SUBJECTS)
    assert [one.mean for one in curves[0.5]] == pytest.approx([-0.1, -0.1])
    assert [one.mean for one in curves[1.0]] == [-1.0, -1.0]
