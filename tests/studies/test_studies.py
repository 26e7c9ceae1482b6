"""The study and the demo, whole, on data small enough for seconds."""

import csv
import json

import pytest

from segscope.data import open_dataset
from segscope.studies.anunet import run_study
from segscope.studies.anunet_page import write_page
from segscope.studies.anunet_paper import NETWORKS, PRUNING, SEGMENTATION
from segscope.studies.demo import run_demo
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = {
    "preprocessing": {"resize": [32, 32]},
    "patch": [32, 32],
    "network": {"widths": [4, 4, 6, 6, 8]},
    "train": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 2},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    dataset = open_dataset(write_plane_dataset(folder / "data", cases=6))
    result = run_study(dataset, folder / "out", settings=TINY, folds=3)
    write_page(result, dataset, folder / "out")
    return dataset, folder / "out", result


def test_all_six_networks_are_scored_on_the_same_cases(study):
    _, out, result = study
    assert [s.network for s in result.scores] == list(NETWORKS)
    assert {s.cases for s in result.scores} == {2}
    splits = {(out / "runs" / n / "split.json").read_text() for n in NETWORKS}
    assert len(splits) == 1
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert [row["network"] for row in rows] == list(NETWORKS)


def test_levels_and_attention_of_anunet_are_there(study):
    _, out, result = study
    assert [row.level for row in result.levels] == [1, 2, 3, 4]
    assert {m.node for m in result.attention} == {"0,1,0", "0,2,1", "0,3,2", "0,4,3"}
    assert {m.epoch for m in result.attention} == {1, 2}
    assert json.loads((out / "study.json").read_text())["dataset"] == "data"


def test_the_page_stands_alone_and_shows_every_figure(study):
    _, out, _ = study
    text = (out / "report.html").read_text()
    assert text.count('<img src="data:image/png') == 4
    assert "plotly" in text
    for name in ("contours", "dice_of_cases", "attention", "pruning"):
        assert (out / f"{name}.png").stat().st_size > 5000
    for words in (*NETWORKS.values(), "Table 6", "0.9815"):
        assert words in text
    assert 'src="http' not in text


def test_a_finished_study_is_not_trained_again(study):
    dataset, out, first = study
    before = {
        n: (out / "runs" / n / "weights_last.safetensors").stat().st_mtime_ns for n in NETWORKS
    }
    again = run_study(dataset, out, settings=TINY, folds=3)
    after = {
        n: (out / "runs" / n / "weights_last.safetensors").stat().st_mtime_ns for n in NETWORKS
    }
    assert before == after
    assert [s.means for s in again.scores] == [s.means for s in first.scores]


def test_the_papers_numbers_obey_arithmetic():
    for rows in SEGMENTATION.values():
        for name, (iou, dice, _, _) in rows.items():
            implied = 200 * iou / (100 + iou)
            # one cell of Table 2 repeats a precision, as its docstring says
            assert (abs(implied - dice) < 0.1) or (name == "anunet" and dice == 98.15)
    for _, _, dice, iou in PRUNING.values():
        assert dice is None or iou is None or iou <= dice


def test_the_demo_runs_on_your_own_data(tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=6)
    result = run_demo(tmp_path / "out", data=data, max_minutes=0.05)
    text = (tmp_path / "out" / "report.html").read_text()
    assert text.count('<img src="data:image/png') == 2
    assert result.levels == 4
    assert (tmp_path / "out" / "pruned" / "model.json").is_file()
