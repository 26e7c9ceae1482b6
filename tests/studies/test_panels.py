"""Cases for a page: chosen at equal steps, drawn with what was predicted."""

from types import SimpleNamespace

import numpy as np
import pytest
from segscope.studies.panels import at_equal_steps, case_panels, spread_of_cases

from segscope.data import open_dataset
from segscope.images import Case
from tests.synthetic import write_plane_dataset


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (2, [0, 8]), (3, [0, 4, 8]), (5, [0, 2, 4, 6, 8]),
                          (20, [*range(9)])]
)  # fmt: skip
def test_the_first_and_the_last_are_always_there(count, chosen):
    assert at_equal_steps(range(9), count) == chosen


def test_cases_go_from_the_worst_to_the_best_mean_and_undefined_ones_are_left_out():
    rows = [{"case": "a", "dice": 0.9}, {"case": "a", "dice": 0.5}, {"case": "b", "dice": 0.1},
            {"case": "b", "dice": float("nan")}, {"case": "c", "dice": float("nan")},
            {"case": "d", "dice": 0.4}]  # fmt: skip
    summary = SimpleNamespace(rows=rows)
    assert spread_of_cases(summary) == [("b", 0.1), ("d", 0.4), ("a", 0.7)]
    assert spread_of_cases(summary, 2) == [("b", 0.1), ("a", 0.7)]


def test_a_panel_shows_the_image_the_truth_and_each_prediction(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=2))
    cases = [*dataset.training, Case("unlabelled", dataset.training[0].image_files)]
    labels = dataset.folder / "labelsTr"
    (first, second) = case_panels(dataset, cases, {"same": labels}, {"p0": "the first"})
    assert (first.title, second.title) == ("the first", "p1")
    np.testing.assert_array_equal(first.predictions["same"], first.truth)
    assert first.truth.any()
