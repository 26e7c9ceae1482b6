"""Rows of known cases: clean first, each damage the same again, and the clock."""

import math

import numpy as np
import pytest

from segscope.trust.choose import CLEAN
from segscope.trust.measure import measure_reference, measure_rows
from tests.trust.known import known_cases, pointwise_model

MODEL = pointwise_model()
CASES = known_cases(MODEL, 9)
REFERENCE = measure_reference(MODEL, known_cases(MODEL, 12, seed=50))


def test_clean_cases_come_first_and_all_have_figures():
    found = measure_rows(MODEL, REFERENCE, CASES, rounds=2)
    kinds = [row.kind for row in found.rows]
    assert kinds[:9] == [CLEAN] * 9
    assert CLEAN not in kinds[9:]
    assert len(kinds) == 27
    assert len(set(kinds[9:])) > 6
    for row in found.rows:
        assert set(row.figures) == set(row.dice) == {"mean", "label1"}
        assert all(map(math.isfinite, row.figures["mean"].values()))
        assert row.dice["mean"] == row.dice["label1"]
    assert {"scale", "mirror", "shape", "shift"} <= set(found.rows[0].figures["mean"])


def test_the_dice_is_that_of_the_thresholded_image():
    row = measure_rows(MODEL, REFERENCE, CASES[:1], mode="fast", rounds=0).rows[0]
    prepared, label = CASES[0].open()
    mask = prepared.array[0] > 0.5
    both = (mask & (label == 1)).sum()
    assert row.dice["mean"] == pytest.approx(2 * both / (mask.sum() + label.sum()))
    p, right = row.voxels
    assert len(p) == len(right) == min(400, (mask | (label == 1)).sum())
    assert sum(one.voxels for one, _ in row.lesions) == mask.sum()
    assert sorted(true for _, true in row.lesions)[-1]


def test_damage_is_the_same_again():
    one, other = (measure_rows(MODEL, REFERENCE, CASES[:4], mode="fast") for _ in range(2))
    assert [row.dice for row in one.rows] == [row.dice for row in other.rows]
    assert [row.figures for row in one.rows] == [row.figures for row in other.rows]


def test_nothing_is_begun_that_would_not_end_in_time():
    ticks = iter(np.arange(10.0, 0.0, -1.0))
    found = measure_rows(MODEL, REFERENCE, CASES, mode="fast", left=lambda: float(next(ticks)))
    assert found.stopped
    # every row takes a second of this clock, and two must be left
    assert len(found.rows) == 4
    assert not measure_rows(MODEL, REFERENCE, CASES, left=lambda: 0.0).rows


def test_without_time_or_cases_the_reference_knows_nothing():
    for bare in (measure_reference(MODEL, CASES, lambda: 0.0), measure_reference(MODEL, [])):
        assert bare.features is None
        row = measure_rows(MODEL, bare, CASES[:1], mode="fast", rounds=0).rows[0]
        assert row.figures["mean"]["shape"] == 0
