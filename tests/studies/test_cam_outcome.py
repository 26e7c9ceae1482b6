"""Means, intervals and pairs of hand-made results."""

import json
import math
from dataclasses import replace

import pytest

from segscope.data import open_dataset
from segscope.experiments import Trial
from segscope.studies.cam_outcome import (
    cam_dice,
    described,
    of_layer,
    of_maps,
    read_classifiers,
    right,
    weak,
)
from tests.studies.cam_results import REGIONS, arm, classifiers, draw, unets
from tests.synthetic import write_plane_dataset


def test_a_subject_counts_once_however_many_regions_and_draws_it_has():
    found = classifiers().values("poor", right("original"))
    assert found == {f"p{k}": 0.5 for k in range(8)}  # its lesion is right, its plain place not
    assert classifiers().estimate("good", right("original")).n == 8
    assert classifiers().estimate("poor", cam_dice).mean == pytest.approx(
        0.4
    )  # 16 rows, 8 subjects
    assert classifiers().estimate("poor", cam_dice).n == 8


def test_scores_are_read_from_where_they_lie():
    one = classifiers()
    assert one.estimate("good", of_maps("methods", "gradcam", part="dice")).mean == pytest.approx(
        0.9
    )
    layer = of_maps("by_layer", "two", "hirescam", part="mean_dice")
    assert one.estimate("good", layer).mean == pytest.approx(0.3)
    assert one.estimate("good", of_layer("two", "ability")).mean == pytest.approx(0.7)
    assert one.estimate("good", of_layer("two", "untrained")).mean == pytest.approx(0.6)
    assert one.estimate("good", weak("otsu")).mean == pytest.approx(0.8)


def test_the_area_is_the_mean_of_draws_with_an_interval_over_subjects():
    good, poor = (classifiers().areas[name] for name in ("good", "poor"))
    assert (good.value, good.lower, good.upper) == (1, 1, 1)
    assert poor.value == 0.5  # it says 0.9 of everything


def test_pairs_are_by_subject_and_corrected():
    (pair,) = classifiers().compared(right("original"))
    assert (pair.arm, pair.reference) == ("poor", "good")
    assert pair.estimate.mean == pytest.approx(-0.5)
    assert (pair.estimate.n, pair.p) == (8, pytest.approx(2 / 2**8))  # all eight are worse
    (pair,) = classifiers().pairs["mean-Dice"]
    assert pair.estimate.mean == pytest.approx(-0.4)


def test_the_deviation_over_draws_is_that_of_a_sample():
    said = classifiers().of_trials("good", lambda found: found["trained"]["cam"]["val_accuracy"])
    assert said == f"0.5, sd {math.sqrt(0.125):.4g} (n 2)"
    assert described({}) == "nan (n 0)"


def test_trials_without_a_result_are_named(tmp_path):
    (step,) = (arm("good", settings={}),)
    trials = [Trial(step, draw(name), None, "data", "content") for name in ("d0", "d1")]
    place = tmp_path / trials[0].place
    place.mkdir(parents=True)
    (place / "result.json").write_text(json.dumps({"format": 1, "rows": [], "map": "x"}))
    rois = write_plane_dataset(tmp_path / "rois", cases=2)
    (rois / "regions.json").write_text(json.dumps(REGIONS))
    outcome = replace(unets(), steps=tuple(trials))
    found = read_classifiers(outcome, open_dataset(rois), tmp_path)
    assert [(one.draw.name, one.found["map"]) for one in found.done] == [("d0", "x")]
    assert found.undone == ("good d1",)
    assert found.regions["counts"] == {"abnormal": 8, "normal": 8}
