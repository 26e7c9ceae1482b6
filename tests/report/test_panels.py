"""Cases that are shown: chosen so that nothing is hidden, turned as people look at them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from segscope.data import open_dataset, read_label
from segscope.images import Case
from segscope.report.panels import at_equal_steps, case_panel, case_panels, spread_of_cases
from tests.synthetic import write_plane_dataset, write_volume_dataset


def test_cases_are_chosen_from_the_worst_to_the_best():
    dice = {"a": [0.9, 0.7], "b": [0.1, float("nan")], "c": [float("nan")] * 2, "d": [0.5, 0.5]}
    rows = [{"case": name, "dice": v} for name, values in dice.items() for v in values]
    found = spread_of_cases(SimpleNamespace(rows=rows), count=2)
    assert found == [("b", pytest.approx(0.1)), ("a", pytest.approx(0.8))]


def test_steps_are_equal_and_nothing_is_taken_twice():
    assert at_equal_steps(range(10), 4) == [0, 3, 6, 9]
    assert at_equal_steps(["a"], 3) == ["a"]
    assert at_equal_steps(range(5), 1) == [0]


def test_a_volume_is_shown_where_it_has_most_of_the_truth(tmp_path):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=1))
    (case,) = dataset.training
    (panel,) = case_panel(dataset, case, "title", {"same": case.label_file})
    most = (read_label(case.label_file).array > 0).sum((0, 1)).max()
    assert (panel.title, (panel.truth > 0).sum()) == ("title", most)
    np.testing.assert_array_equal(panel.predictions["same"], panel.truth)
    assert case_panel(dataset, case, "title", {}) == []


def test_cases_without_a_label_are_left_out(tmp_path):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=2))
    one, two = dataset.training
    folders = {"prediction": dataset.folder / "labelsTr"}
    found = case_panels(dataset, [one, replace(two, label_file=None)], folders, {"c0": "first"})
    assert [panel.title for panel in found] == ["first"]
    assert list(found[0].predictions) == ["prediction"]


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
