"""A comparison as a person types it: done, stopped, moved, asked otherwise."""

import csv
import json
import shutil

import pytest

from segscope.cli.main import main
from segscope.data import open_dataset
from segscope.errors import InputError, WorkError
from segscope.experiments import (
    answer,
    engine,
    fold_draws,
    make_experiment,
    page_again,
    parse_arm,
    plan_experiment,
    run_experiment,
    score_again,
    scored_again,
)
from segscope.training import labelled
from tests.synthetic import write_plane_dataset

TINY = {
    "network": {"widths": [4, 6]},
    "train": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 2},
}


def experiment(dataset, *arms, **more):
    draws = fold_draws(labelled(dataset), folds=2, seeds=1)
    changes = more.pop("changes", TINY)
    return make_experiment(dataset, [parse_arm(a) for a in arms], draws, changes=changes, **more)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    write_plane_dataset(folder / "data", cases=8)
    data = open_dataset(folder / "data")
    asked = experiment(data, "unet", "tv: loss.name=tversky")
    outcome = run_experiment(asked, data, folder / "out")
    return folder, asked, outcome


def trials(folder):
    return sorted(f.parent.relative_to(folder) for f in folder.rglob("result.json"))


def test_every_case_is_scored_once_per_arm_and_never_by_a_network_that_knew_it(place):
    folder, _asked, outcome = place
    assert len(trials(folder / "out")) == 4
    rows = [row for row in outcome.rows if row["arm"] == "unet"]
    assert sorted(row["case"] for row in rows) == sorted(c.name for c in labelled(
        open_dataset(folder / "data")))  # fmt: skip
    for trial in (folder / "out").rglob("trial.json"):
        draw = json.loads(trial.read_text())["draw"]
        split = json.loads((trial.parent / "run" / "split.json").read_text())
        assert not {*split["train"], *split["val"]} & {*draw["test"]}
        assert json.loads((trial.parent / "fingerprint.json").read_text())["cases"] == sorted(
            {*draw["train"], *draw["val"]}
        )
    assert outcome.undone == ()


def test_the_table_and_the_page_hold_what_was_found(place):
    folder, _, outcome = place
    table = list(csv.DictReader((folder / "out" / "scores.csv").read_text().splitlines()))
    assert len(table) == len(outcome.rows) == 16
    facts = json.loads((folder / "out" / "outcome.json").read_text())
    mean = facts["arms"]["dice"]["unet"]["mean"]
    by_hand = [float(row["dice"]) for row in table if row["arm"] == "unet"]
    assert mean == pytest.approx(sum(by_hand) / len(by_hand))
    page = (folder / "out" / "report.html").read_text()
    assert page.index("What it shows") < page.index("Scores on test cases")
    assert answer(outcome, "dice")[0].startswith("Highest in the table")


def test_what_is_done_is_not_done_again_and_a_lost_result_is(place):
    folder, asked, _ = place
    data, out = open_dataset(folder / "data"), folder / "out"
    before = {f: f.stat().st_mtime_ns for f in out.rglob("result.json")}
    lost = sorted(before)[0]
    content = json.loads(lost.read_text())
    lost.unlink()
    run_experiment(asked, data, out)
    after = {f: f.stat().st_mtime_ns for f in out.rglob("result.json")}
    assert [f for f in before if before[f] != after[f]] == [lost]
    assert json.loads(lost.read_text())["rows"] == content["rows"]


def test_a_comparison_that_was_moved_with_its_data_goes_on(place, tmp_path):
    folder, _asked, outcome = place
    shutil.copytree(folder / "data", tmp_path / "elsewhere" / "d")
    shutil.copytree(folder / "out", tmp_path / "o")
    again = page_again(tmp_path / "o", open_dataset(tmp_path / "elsewhere" / "d"))
    assert again.undone == ()
    assert again.rows == outcome.rows
    assert str(folder) not in (tmp_path / "o" / "experiment.yaml").read_text()


def test_another_machine_goes_on_with_the_trials_as_they_were_planned(place, tmp_path, monkeypatch):
    folder, asked, outcome = place
    shutil.copytree(folder / "out", tmp_path / "o")
    next((tmp_path / "o").rglob("result.json")).unlink()
    monkeypatch.setattr(engine, "plan_trial", None)  # is not called
    monkeypatch.setattr(engine, "measure_cases", None)
    again = run_experiment(asked, open_dataset(folder / "data"), tmp_path / "o")
    assert again.rows == outcome.rows
    assert again.trials == outcome.trials


def test_a_page_of_another_dataset_is_refused(place, tmp_path):
    folder, _, _ = place
    other = open_dataset(write_plane_dataset(tmp_path / "data", cases=8, seed=3))
    with pytest.raises(InputError, match="is not the dataset of"):
        page_again(folder / "out", other)


def test_trials_are_scored_again_and_elsewhere(place, tmp_path):
    folder, _, outcome = place
    shutil.copytree(folder / "out", tmp_path / "o")
    data = open_dataset(folder / "data")
    score_again(outcome, data, tmp_path / "o", "same")
    other = open_dataset(write_plane_dataset(tmp_path / "other", cases=2, seed=5))
    score_again(outcome, other, tmp_path / "o", "external")
    found = scored_again(outcome, tmp_path / "o")
    assert found["same"] == ("data", outcome)
    name, elsewhere = found["external"]
    assert name == "other"
    # both cases by both trials of both arms
    assert len(elsewhere.rows) == 8
    files = {f: f.stat().st_mtime_ns for f in (tmp_path / "o").rglob("scores.json")}
    score_again(outcome, other, tmp_path / "o", "external")
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "o").rglob("scores.json")} == files


def test_other_settings_are_other_trials(place):
    folder, _asked, _ = place
    data = open_dataset(folder / "data")
    longer = {**TINY, "train": {**TINY["train"], "steps_per_epoch": 3}}
    planned = plan_experiment(experiment(data, "unet", changes=longer), data, folder / "out2")
    other = {trial.place for trial in planned.trials}
    known = {f"trials/{p.parent.name}/{p.name}" for p in trials(folder / "out")}
    assert not other & known
    same = plan_experiment(experiment(data, "unet"), data, folder / "out2")
    assert {trial.place for trial in same.trials} <= known


def test_files_that_changed_are_another_dataset(place, tmp_path):
    folder, asked, _ = place
    shutil.copytree(folder / "data", tmp_path / "data")
    files = sorted((tmp_path / "data" / "imagesTr").iterdir())
    shutil.copy(files[1], files[0])
    changed = open_dataset(tmp_path / "data")
    with pytest.raises(InputError, match="is not the dataset"):
        run_experiment(asked, changed, tmp_path / "out")


def test_a_run_that_knew_a_test_subject_is_refused(place, tmp_path):
    folder, _, _ = place
    data = open_dataset(folder / "data")
    run = next((folder / "out" / "trials" / "unet").iterdir()) / "run"
    with pytest.raises((InputError, WorkError), match="has trained on"):
        run_experiment(experiment(data, f"r=run:{run}"), data, tmp_path / "out")


def test_predictions_of_any_tool_are_an_arm(place, tmp_path):
    folder, _, _ = place
    data = open_dataset(folder / "data")
    shutil.copytree(folder / "data" / "labelsTr", tmp_path / "perfect")
    asked = experiment(data, f"p=predictions:{tmp_path / 'perfect'}")
    found = run_experiment(asked, data, tmp_path / "out")
    assert set(found.values("p", "dice").values()) == {1.0}


def test_networks_that_are_shown_masks_are_compared(place, tmp_path):
    folder, _, _ = place
    data = open_dataset(folder / "data")
    asked = experiment(data, "gbm: inputs=gbm mask.method=labels")
    outcome = run_experiment(asked, data, tmp_path)
    assert len(outcome.values("gbm", "dice")) == 8
    (trial, _) = outcome.trials
    masks = {f.name.split(".")[0] for f in (tmp_path / trial.place / "run" / "masks").glob("*.png")}
    assert {*trial.draw.train, *trial.draw.val, *trial.draw.test} == masks - {"masks"}
    reference = tmp_path / trial.place / "run" / "prior" / "training_masks.json"
    assert set(json.loads(reference.read_text())["masks"]) == set(trial.draw.train)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--arm"),
        (["--arm", "unet", "--arm", "unet"], "twice"),
        (["--arm", "unet", "--reference", "none"], "is no arm"),
        (["--arm", "unet", "--metric", "none"], "expected some of"),
        (["--arm", "unet", "--budget", "none"], "expected one of"),
        (["--arm", "unet", "--train-on", "a=b"], "both, or neither"),
        (["--page-only"], "holds no experiment.yaml"),
    ],
    ids=["no arm", "an arm twice", "no such reference", "no such metric", "no such budget",
         "half a split", "no comparison"],
)  # fmt: skip
def test_bad_questions_are_refused_before_any_work(place, tmp_path, capsys, words, said):
    folder, _, _ = place
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(folder / "data"), "-o", str(tmp_path / "o"), "--folds", "2", *words])
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.rglob("weights_*"))


def test_the_trials_are_listed_without_training(place, tmp_path, capsys):
    folder, _, _ = place
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(folder / "data"), "-o", str(tmp_path / "o"), "--folds", "2",
              "--arm", "unet", "--dry-run"])  # fmt: skip
    assert ended.value.code == 0
    assert "2 trials, 0 done" in capsys.readouterr().out
