"""A mask against the training masks: limits by hand, sides by name; distances from the prior."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.images import Grid
from segscope.priors import MaskFigures, measure_mask, plausibility


def figures(size=1000.0, extent=(10.0, 20.0, 30.0), cut_at=()):
    return MaskFigures(size, extent, cut_at, 1, 0)


def test_one_training_mask_leaves_a_fifth_of_its_size_and_a_tenth_of_its_lengths():
    assert plausibility(figures(1000 * math.exp(0.199)), [figures()]).score == 1.0
    odd = plausibility(figures(1000 * math.exp(0.3)), [figures()])
    assert odd.score == pytest.approx(math.exp(-0.1))
    assert "size of 1350 mm^3 is unlike the training masks' (818.7 to 1221)" in odd.warnings[0]
    short = plausibility(figures(extent=(10.0, 20.0, 15.0)), [figures()])
    assert short.score == pytest.approx(0.5 / math.exp(-0.1))
    assert "head-foot extent of 15 mm" in short.warnings[0]


def test_the_spread_of_many_training_masks_is_allowed():
    sizes = [500.0, 1000.0, 2000.0]
    reference = [figures(size) for size in sizes]
    sd = math.log(2)  # of log(500), log(1000), log(2000), with n - 1
    assert plausibility(figures(1000 * math.exp(2.49 * sd)), reference).score == 1.0
    beyond = plausibility(figures(1000 * math.exp(2.5 * sd + 0.5)), reference)
    assert beyond.score == pytest.approx(math.exp(-0.5))


def test_nothing_is_worst_and_empty_references_are_left_out():
    nothing = plausibility(figures(0.0, (0.0, 0.0, 0.0)), [figures()])
    assert (nothing.score, nothing.warnings) == (0.0, ("the mask is empty",))
    empty = figures(0.0, (0.0, 0.0, 0.0))
    assert plausibility(figures(), [figures(), empty]).score == 1.0
    with pytest.raises(ValueError, match="not empty"):
        plausibility(figures(), [empty])
    with pytest.raises(ValueError, match="same dimensions"):
        plausibility(figures(), [figures(extent=(1.0, 2.0))])


def test_a_cut_view_is_said_unless_training_masks_were_cut_there_too():
    found = plausibility(figures(cut_at=("superior",)), [figures()])
    assert found.score == 1.0
    assert "reaches the image's superior border" in found.warnings[0]
    assert not plausibility(figures(cut_at=("left",)), [figures(cut_at=("left",))]).warnings


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_further_away_is_never_more_plausible(near, further):
    near, further = sorted((near, further))
    reference = [figures(1.0)]
    assert plausibility(figures(further), [figures(0.01)]).score <= 1
    if near >= 1:
        closer, beyond = (plausibility(figures(s), reference).score for s in (near, further))
        assert beyond <= closer


@pytest.mark.parametrize(
    ("signs", "expected"),
    [((1, 1, 1), ("left", "posterior", "superior")),
     ((-1, 1, 1), ("posterior", "right", "superior")),
     ((1, -1, -1), ("anterior", "inferior", "left"))],
)  # fmt: skip
def test_sides_are_the_patients(signs, expected):
    mask = np.zeros((5, 6, 7), bool)
    mask[0:2, 0:3, 3:7] = True
    affine = np.diag([2.0 * signs[0], 1.0 * signs[1], 3.0 * signs[2], 1.0])
    found = measure_mask(mask, Grid(mask.shape, affine))
    assert found.cut_at == expected
    assert found.extent_mm == (4.0, 3.0, 12.0)
    assert found.size_mm == 2 * 3 * 4 * 6.0


def test_extents_are_in_the_patients_order():
    mask = np.zeros((5, 6, 7), bool)
    mask[1:3, 1:4, 1:5] = True
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 2.0, 1.0, 3.0, 1.0
    assert measure_mask(mask, Grid(mask.shape, affine)).extent_mm == (3.0, 12.0, 4.0)


def test_figures_survive_json():
    import json

    one = figures(cut_at=("left",))
    assert MaskFigures.from_dict(json.loads(json.dumps(one.to_dict()))) == one
