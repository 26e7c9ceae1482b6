"""Two masks of one label: counts are of the whole image, however small the box."""

import numpy as np
import pytest

from segscope.images import Grid
from segscope.metrics import MaskPair, evaluate_case

PREDICTION = np.array([[1, 1, 0], [0, 0, 0]], bool)
TRUTH = np.array([[1, 0, 0], [1, 0, 0]], bool)


def pair(**options):
    grid = Grid.from_spacing((4, 5), (1.0, 2.0))
    return MaskPair(PREDICTION, TRUTH, 20, (1.0, 2.0), grid, **options)


def test_what_lies_outside_of_the_box_is_background_in_both():
    counts = pair().counts
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (1, 1, 1, 17)
    assert pair().volumes["pcd_percent"] == 10.0
    assert pair().overlaps["dice"] == 0.5


def test_each_part_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "segscope.metrics.pair.border_distances", lambda *masks: calls.append(masks)
    )
    one = pair()
    assert one.distances is one.distances
    assert len(calls) == 1


def test_the_case_has_the_same_numbers():
    prediction, truth = np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8)
    prediction[1:3, 1:4], truth[1:3, 1:4] = PREDICTION, TRUTH
    found = evaluate_case(prediction, truth, (1.0, 2.0), {"a": 1}).to_dict()["a"]
    one = pair()
    assert found["dice"] == one.overlaps["dice"]
    assert found["lesion_recall"] == one.lesions["lesion_recall"]
    assert found["tn"] == one.counts.tn
    assert found["avd_percent"] == pytest.approx(one.volumes["avd_percent"])
