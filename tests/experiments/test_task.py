"""Trials that come after other trials: their order, their places, and what decides them."""

import json
import shutil
from pathlib import Path

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError, WorkError
from segscope.experiments import (
    Arm,
    Draw,
    Step,
    Task,
    fold_draws,
    make_experiment,
    page_again,
    plan_experiment,
    run_experiment,
)
from segscope.experiments import (
    draw as somewhere,
)
from segscope.experiments.task import call_work
from segscope.training import labelled
from tests.synthetic import write_plane_dataset

NOTE, SCORE = "segscope.experiments.draw:note", "segscope.experiments.draw:score"


def note(task):
    """A step: it fails where it is told to, and writes what came before it."""
    if task.options.get("fails") == task.draw.name:
        raise WorkError("as it should")
    before = {name: (folder / "note.json").is_file() for name, folder in task.after.items()}
    (task.root / "note.json").write_text(json.dumps(before))
    return {"before": before}


def score(task):
    """A compared arm: its Dice is 1 where the step's file is there."""
    found = float(Path(task.placed("after:maps/note.json")).is_file())
    rows = [
        {"case": name, "subject": name, "label": "disc", "status": "ok", "scores": {"dice": found}}
        for name in task.draw.test
    ]
    return {"rows": rows, "minutes": 0.0}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(somewhere, "note", note, raising=False)
    monkeypatch.setattr(somewhere, "score", score, raising=False)
    return open_dataset(write_plane_dataset(tmp_path / "data", cases=6))


def chain(dataset, **options):
    """A step for all draws, one on every draw after it, an arm after that, and one after none."""
    draws = fold_draws(labelled(dataset), folds=2, seeds=1)
    first = Arm(name="template", kind="work", work=NOTE)
    second = Arm(name="maps", kind="work", work=NOTE, options=options, after=("template",))
    arms = [
        Arm(name="weak", kind="work", work=SCORE, after=("maps",)),
        Arm(name="alone", kind="work", work=NOTE),
    ]
    steps = [Step(arm=first, draw=draws[0]), Step(arm=second)]
    return make_experiment(dataset, arms, draws, metrics=["dice"], steps=steps)


def test_what_comes_before_is_done_first_and_is_not_compared(data, tmp_path):
    outcome = run_experiment(chain(data), data, tmp_path / "o")
    assert [trial.arm.name for trial in outcome.steps] == ["template", "maps", "maps"]
    assert {trial.wave for trial in outcome.trials} == {0, 2}
    assert {row["arm"] for row in outcome.rows} == {"weak"}
    assert set(outcome.values("weak", "dice").values()) == {1.0}
    for trial in outcome.steps[1:]:
        result = json.loads((tmp_path / "o" / trial.place / "result.json").read_text())
        assert result["before"] == {"template": True}
    maps = {t.draw.name: t for t in outcome.steps if t.arm.name == "maps"}
    for trial in outcome.trials:  # on the same draw
        assert trial.after == ((maps[trial.draw.name],) if trial.arm.name == "weak" else ())
    shutil.copytree(tmp_path / "o", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "o")
    moved = page_again(tmp_path / "elsewhere", data)
    assert (moved.rows, moved.steps) == (outcome.rows, outcome.steps)


def test_other_settings_of_a_step_are_other_trials_after_it(data, tmp_path):
    one = plan_experiment(chain(data), data, tmp_path / "o")
    other = plan_experiment(chain(data, threshold=3), data, tmp_path / "o")
    assert one.steps[0].place == other.steps[0].place
    for k in (0, 1):
        weak, alone = 2 * k, 2 * k + 1
        assert one.steps[1 + k].place != other.steps[1 + k].place
        assert one.trials[weak].place != other.trials[weak].place
        assert one.trials[alone].place == other.trials[alone].place


def test_what_comes_after_a_failure_is_not_begun_and_the_others_are_done(data, tmp_path):
    asked = chain(data, fails="seed0_fold1")
    with pytest.raises(WorkError, match="1 of 2 pieces of work failed") as failed:
        run_experiment(asked, data, tmp_path / "o")
    assert "as it should" in str(failed.value)
    outcome = page_again(tmp_path / "o", data)
    assert outcome.undone == ("weak seed0_fold1",)
    assert len(outcome.rows) == 3


def test_a_place_is_found_where_it_is_now():
    draw = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c",))
    task = Task(Path("r"), None, draw, after={"coarse net": Path("/now/c")})
    assert task.placed("after:coarse net/run") == "/now/c/run"
    assert task.placed("/own/run") == "/own/run"
    with pytest.raises(InputError, match=r"after:masks/files: no step .* there are: coarse net"):
        task.placed("after:masks/files")
    with pytest.raises(InputError, match="draw:nothing is not to be had in this version"):
        call_work("segscope.experiments.draw:nothing", task)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"work": "os:system"}, "is no segscope.module:function"),
        ({"work": "segscope.data:_hidden"}, "is no segscope.module:function"),
        ({"work": None}, "a function is for kind work"),
        ({"kind": "train"}, "a function is for kind work"),
        ({"folder": "runs"}, "a folder is for kind run or predictions"),
    ],
    ids=["of another package", "hidden", "no function", "of a training", "a folder"],
)
def test_only_the_packages_own_functions_are_called(faults, said):
    with pytest.raises(ValueError, match=said):
        Arm(**{"name": "a", "kind": "work", "work": NOTE, **faults})


def test_steps_that_cannot_be_are_refused(data):
    asked = chain(data)
    (first, second), (weak, alone) = asked.steps, asked.arms
    draws = asked.draws
    backwards = Step(arm=first.arm.model_copy(update={"after": ("maps",)}), draw=draws[0])
    for steps, arms, said in (
        ([first], [weak], "comes after 'maps', which is no step"),
        ([second, first], [weak], "comes after 'template', which is no step"),
        ([Step(arm=weak)], [weak], "comes after 'maps'"),
        ([first, first], [alone], "template twice"),
        ([Step(arm=alone, draw=None), first], [alone], "alone twice"),
        ([Step(arm=second.arm.model_copy(update={"after": ()})), backwards], [alone],
         "has one draw, and comes after maps, which has all"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            make_experiment(data, arms, draws, metrics=["dice"], steps=steps)
