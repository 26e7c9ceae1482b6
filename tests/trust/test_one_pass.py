"""Sums over slabs: the same as over the whole, and as their definitions."""

import numpy as np
import pytest
import torch

from segscope.trust.confidence import max_probability
from segscope.trust.margin import MOVED, threshold_margin
from segscope.trust.one_pass import OnePass

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 3, (4, 6, 5, 7))
P = (np.exp(LOGITS) / np.exp(LOGITS).sum(0)).astype(np.float32)


def looked(p, pieces=1, **options):
    found = OnePass(p.shape[1:], max(1, len(p) - 1), **options)
    for part in np.array_split(np.arange(p.shape[1]), pieces):
        rows = (slice(part[0], part[-1] + 1), *[slice(None)] * (p.ndim - 2))
        found.add(rows, p[(slice(None), *rows)])
    return found


@pytest.mark.parametrize("p", [P, P[1:2], P[:, 0, 0]], ids=["classes", "sigmoid", "line"])
def test_pieces_give_what_the_whole_gives(p):
    whole, pieces = looked(p), looked(p, 3)
    assert (whole.labels == pieces.labels).all()
    for name in ("confidence", "margin", "band", "sizes", "expected", "tempered_confidence"):
        assert getattr(pieces, name)() == pytest.approx(getattr(whole, name)())
    assert pieces.max_probability() == pytest.approx(max_probability(torch.from_numpy(p)), abs=1e-6)


def test_figures_are_their_definitions():
    found, label = looked(P), P.argmax(0)
    assert (found.labels == label).all()
    assert found.peak == pytest.approx(P.max(0), abs=1e-3)
    for k in (1, 2, 3):
        y, p = label == k, P[k].astype(np.float64)
        assert found.confidence()[k - 1] == pytest.approx(2 * (p * y).sum() / (p.sum() + y.sum()))
        counts = [[(p > limit).sum() for limit in MOVED]]
        assert found.margin()[k - 1] == pytest.approx(threshold_margin(counts)[0])
        band = ((p > 0.1) & (p < 0.9)).sum() / (3 * y.sum())
        assert found.band()[k - 1] == pytest.approx(band)


def test_a_temperature_moves_the_confidence_alone():
    plain, warm = looked(P[1:2]), looked(P[1:2], temperature=3.0)
    assert warm.confidence() == pytest.approx(plain.confidence())
    assert warm.tempered_confidence()[0] < plain.confidence()[0]
    assert plain.tempered_confidence() == pytest.approx(plain.confidence())


def test_an_empty_prediction_has_no_confidence():
    found = looked(np.full((1, 4, 4), 0.1, np.float32))
    assert (found.confidence()[0], found.margin()[0], found.sizes()[0]) == (0, 0, 0)
    assert found.expected()[0] == pytest.approx(1.6)
