"""The study, whole, on data small enough for seconds."""

import csv
import json
import shutil

import pytest

from segscope.audit.attention import attention_over_epochs, prepared_slice
from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.inference import load_model
from segscope.studies.anunet import run_study
from segscope.studies.anunet_page import NETWORKS
from segscope.studies.declared import Asked
from tests.synthetic import write_plane_dataset

TINY = {
    "preprocessing": {"resize": [32, 32]},
    "patch": [32, 32],
    "network": {"widths": [4, 4, 6, 6, 8]},
    "train": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 2},
}


ASKED = Asked(settings=TINY, folds=2)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    dataset = open_dataset(write_plane_dataset(folder / "data", cases=6))
    return dataset, folder / "out", run_study(dataset, folder / "out", ASKED)


def results(out):
    return {f: f.stat().st_mtime_ns for f in (out / "trials").rglob("*.safetensors")}


def test_all_six_networks_are_scored_on_the_same_cases_which_none_has_seen(study):
    _, out, outcome = study
    rows = list(csv.DictReader((out / "networks.csv").read_text().splitlines()))
    assert {row["network"] for row in rows} == set(NETWORKS)
    assert {row["dice_n"] for row in rows} == {"6"}
    splits = {}
    for trial in outcome.trials:
        split = json.loads((out / trial.place / "run" / "split.json").read_text())
        seen = frozenset({*split["train"], *split["val"]})
        assert not seen & set(trial.draw.test)
        splits.setdefault(trial.draw.name, set()).add(seen)
        assert trial.arm.weights == "last"
    assert [len(of_draw) for of_draw in splits.values()] == [1, 1]


def test_levels_and_attention_of_anunet_are_there(study):
    dataset, out, outcome = study
    facts = json.loads((out / "study.json").read_text())
    assert facts["dataset"] == "data"
    assert [row["level"] for row in facts["levels"]] == [1, 2, 3, 4]
    # each of the two trials measured its three test cases
    assert (facts["levels_trials"], {row["cases"] for row in facts["levels"]}) == (2, {6})
    found = facts["levels_by_subject"]["dice"]
    assert list(found) == ["L1", "L2", "L3", "L4"]
    assert {one["n"] for one in found.values()} == {6}
    # one label and one case a subject: their mean is that of the rows
    assert [one["mean"] for one in found.values()] == pytest.approx(
        [row["dice"] for row in facts["levels"]]
    )
    assert all(one["low"] <= one["mean"] <= one["high"] for one in found.values())
    trial = next(t for t in outcome.trials if t.arm.name == "anunet")
    run = out / trial.place / "run"
    case = next(c for c in dataset.training if c.name == trial.draw.test[0])
    image, truth = prepared_slice(load_model(run, weights="last"), case, dataset)
    assert image.shape[1:] == truth.shape == (32, 32)
    maps = attention_over_epochs(run, image)
    assert {m.node for m in maps} == {"0,1,0", "0,2,1", "0,3,2", "0,4,3"}
    assert {m.epoch for m in maps} == {1, 2}


def test_the_page_stands_alone_and_shows_every_figure(study):
    _, out, _ = study
    text = (out / "report.html").read_text()
    assert text.count('<img src="data:image/png') == 6
    assert text.count('<svg class="chart"') >= 3
    for name in ("contours", "dice_of_cases", "attention", "pruning", "differences", "cases"):
        assert (out / f"{name}.png").stat().st_size > 5000
    for words in (*NETWORKS.values(), "Table 6", "0.9815", "2 epochs of 2 steps"):
        assert words in text
    assert 'src="http' not in text


def test_a_finished_study_is_not_trained_again_and_its_page_opens_no_model(study, monkeypatch):
    dataset, out, first = study
    before = results(out)
    again = run_study(dataset, out, ASKED)
    assert results(out) == before
    assert again.rows == first.rows
    for module in ("audit.attention", "experiments.again"):
        monkeypatch.setattr(f"segscope.{module}.load_model", None)  # is not called
    only = run_study(dataset, out, Asked(page_only=True))
    assert results(out) == before
    assert only.rows == first.rows


def test_other_settings_are_other_trials(study, tmp_path):
    dataset, made, _ = study
    out = shutil.copytree(made, tmp_path / "out")  # the other tests look at what was made
    before = results(out)
    longer = {**TINY, "train": {**TINY["train"], "steps_per_epoch": 3}}
    run_study(dataset, out, Asked(settings=longer, folds=2), networks=["unet"])
    assert before.items() < results(out).items()
    text = (out / "report.html").read_text()
    assert "2 epochs of 3 steps" in text
    assert "2 epochs of 2 steps" not in text
    assert NETWORKS["anunet"] not in text.split("Six networks")[1].split("The paper")[0]


def test_what_cannot_be_compared_is_refused(study, tmp_path):
    dataset, _, _ = study
    with pytest.raises(InputError, match="expected some of"):
        run_study(dataset, tmp_path, ASKED, networks=["none"])
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="older version"):
        run_study(dataset, tmp_path, ASKED)
