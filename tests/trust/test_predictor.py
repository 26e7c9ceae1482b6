"""The predictor: honest about few cases, its own error, its interval, and what is unlike."""

import json

import numpy as np
import pytest

from segscope.trust.choose import CLEAN, Table
from segscope.trust.intervals import cv_plus
from segscope.trust.predictor import COVERAGE, Predictor, fit_predictor

FIGURES = ("sdc", "margin", "shift")
SIGNS = (1, 1, -1)


def table(subjects=40, damaged=True, seed=0, noise=0.03):
    """Clean cases are of shift 0 to 1, damaged ones of 1 to 3 and worse."""
    random = np.random.default_rng(seed)
    kinds = [CLEAN, *(["blur", "noise"] if damaged else [])]
    n = subjects * len(kinds)
    kind = np.repeat(np.array(kinds), subjects)
    shift = np.where(kind == CLEAN, random.uniform(0, 1, n), random.uniform(1, 3, n))
    sdc, margin = random.uniform(0.3, 1, (2, n))
    more = np.where(kind == CLEAN, noise, 5 * noise)
    y = 0.6 * sdc + 0.3 * margin - 0.05 * shift + random.normal(0, more)
    names = np.tile([f"s{k}" for k in range(subjects)], len(kinds))
    return Table(np.stack([sdc, margin, shift], 1), y.clip(0, 1), names, kind, SIGNS)


FOUND = fit_predictor(table(), FIGURES)
USUAL = {"sdc": 0.8, "margin": 0.7, "shift": 0.5}


def test_of_fewer_than_eight_subjects_there_is_none():
    assert fit_predictor(table(7), FIGURES) is None
    assert fit_predictor(table(0, damaged=False), FIGURES) is None
    repeated = table(14)
    same = Table(repeated.x, repeated.y, np.repeat("one", 42), repeated.kinds, SIGNS)
    assert fit_predictor(same, FIGURES) is None


def test_of_fewer_than_twenty_it_reads_the_confidence_alone():
    found = fit_predictor(table(12), FIGURES)
    assert {one.family for one in (found.model, *found.folds)} == {"isotonic"}
    changed = USUAL | {"margin": 0.1}
    assert found.predict(changed).dice == found.predict(USUAL).dice
    # eleven and fewer cases cannot hold 90 %, and nothing narrower is said
    few = fit_predictor(table(8), FIGURES).predict(USUAL)
    assert (few.lower, few.upper) == (0.0, 1.0)


def test_of_enough_it_is_near_the_truth_and_says_how_near():
    assert FOUND.measured["family"] == "ridge"
    assert FOUND.predict(USUAL).dice == pytest.approx(0.6 * 0.8 + 0.3 * 0.7 - 0.025, abs=0.03)
    new = table(500, damaged=False, seed=9)
    off = [
        abs(FOUND.predict(dict(zip(FIGURES, row, strict=True))).dice - y)
        for row, y in zip(new.x, new.y, strict=True)
    ]
    assert FOUND.measured["mean_absolute_error"] == pytest.approx(np.mean(off), rel=0.35)
    assert FOUND.measured["error_of_the_median"] > 3 * np.mean(off)


def test_intervals_hold_new_cases_as_stated():
    new = table(600, damaged=False, seed=5)
    inside = []
    for row, y in zip(new.x, new.y, strict=True):
        found = FOUND.predict(dict(zip(FIGURES, row, strict=True)))
        inside.append(found.lower <= y <= found.upper)
    assert 0.82 < np.mean(inside) <= 0.99
    assert FOUND.measured["covered"] >= COVERAGE - 0.05


def test_a_clean_case_has_the_interval_of_cv_plus():
    x = FOUND.vector(USUAL)
    by_fold = np.array([one.predict(x[None])[0] for one in FOUND.folds])
    low, high = cv_plus(by_fold, FOUND.fold, FOUND.residuals, coverage=COVERAGE)
    found = FOUND.predict(USUAL)
    assert (found.lower, found.upper) == pytest.approx((low, min(1.0, high)))
    assert not found.unlike


def test_beyond_the_known_shift_it_is_wider_and_then_withdrawn():
    near, far, beyond = (FOUND.predict(USUAL | {"shift": s}) for s in (0.9, 2.0, 9.0))
    assert (near.unlike, far.unlike, far.withdrawn, beyond.withdrawn) == (False, True, False, True)
    assert FOUND.extra > 0.05
    assert far.upper - far.lower > near.upper - near.lower + FOUND.extra
    assert FOUND.measured["corrupted_covered"] > 0.85


def test_one_case_stands_for_its_subject():
    plain = table(30, damaged=False)
    twice = Table(
        np.vstack([plain.x, plain.x]), np.tile(plain.y, 2), np.tile(plain.subjects, 2),
        np.tile(plain.kinds, 2), SIGNS,
    )  # fmt: skip
    found = fit_predictor(twice, FIGURES)
    assert (len(found.residuals), found.measured["cases"]) == (30, 60)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None], ids=["nan", "inf", "none"])
def test_figures_that_are_missing_or_not_finite_are_refused(value):
    figures = {k: v for k, v in (USUAL | {"margin": value}).items() if v is not None}
    with pytest.raises(ValueError, match="margin is missing or not finite"):
        FOUND.predict(figures)


def test_it_is_kept_as_json():
    again = Predictor.from_dict(json.loads(json.dumps(FOUND.to_dict())))
    assert again.predict(USUAL) == FOUND.predict(USUAL)
    bare = fit_predictor(
        Table(table().x[:, :2], table().y, table().subjects, table().kinds, (1, 1)), FIGURES[:2]
    )
    kept = Predictor.from_dict(json.loads(json.dumps(bare.to_dict())))
    assert kept.limits == (float("inf"), float("inf"))
    with pytest.raises(ValueError, match="'mood' is not known"):
        Predictor.from_dict(FOUND.to_dict() | {"figures": ["mood", "margin", "shift"]})
