"""Means, intervals and pairs of hand-made results."""

import math

import pytest

from segscope.errors import InputError
from segscope.studies.cam_outcome import (
    cam_dice,
    collect,
    of_layer,
    of_maps,
    right,
    said,
    weak,
)
from tests.studies.cam_results import outcome


def test_a_subject_counts_once_however_many_regions_and_draws_it_has():
    found = outcome().values("poor", right("original"))
    assert found == {f"p{k}": 0.5 for k in range(8)}  # its lesion is right, its plain place not
    assert outcome().estimate("good", right("original")).n == 8
    assert outcome().estimate("poor", cam_dice).mean == pytest.approx(0.4)  # 16 rows, 8 subjects
    assert outcome().estimate("poor", cam_dice).n == 8


def test_scores_are_read_from_where_they_lie():
    one = outcome()
    assert one.estimate("good", of_maps("methods", "gradcam", part="dice")).mean == pytest.approx(
        0.9
    )
    layer = of_maps("by_layer", "two", "hirescam", part="mean_dice")
    assert one.estimate("good", layer).mean == pytest.approx(0.3)
    assert one.estimate("good", of_layer("two", "ability")).mean == pytest.approx(0.7)
    assert one.estimate("good", of_layer("two", "untrained")).mean == pytest.approx(0.6)
    # 0.8 less the mean of 0.00 to 0.07
    assert one.estimate("good", weak("otsu", "unet")).mean == pytest.approx(0.765)


def test_the_area_is_the_mean_of_draws_with_an_interval_over_subjects():
    good, poor = (outcome().areas[name] for name in ("good", "poor"))
    assert (good.value, good.lower, good.upper) == (1, 1, 1)
    assert poor.value == 0.5  # it says 0.9 of everything


def test_pairs_are_by_subject_and_corrected():
    (pair,) = outcome().compared(right("original"))
    assert (pair.arm, pair.reference) == ("poor", "good")
    assert pair.estimate.mean == pytest.approx(-0.5)
    assert (pair.estimate.n, pair.p) == (8, pytest.approx(2 / 2**8))  # all eight are worse
    found = {d.arm: d for d in outcome().against_masks()}
    assert set(found) == {f"{n}, {c}" for n in ("good", "poor") for c in ("otsu", "image-level")}
    assert found["good, otsu"].estimate.mean == pytest.approx(-0.135)
    assert found["good, otsu"].p_holm == pytest.approx(4 * 2 / 2**8)


def test_the_deviation_over_draws_is_that_of_a_sample():
    said_ = outcome().of_trials("good", lambda found: found["trained"]["cam"]["val_accuracy"])
    assert said_ == f"0.5, sd {math.sqrt(0.125):.4g} (n 2)"
    assert said({}) == "nan (n 0)"


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no trials\.json"):
        collect(tmp_path)
