"""An experiment is whole before anything is done: names, order, metrics."""

import pytest
from pydantic import ValidationError

from segscope.errors import InputError
from segscope.experiments import Arm, Draw, Experiment
from segscope.experiments.experiment import Step, read_experiment, write_experiment

DRAW = Draw(name="d0", seed=0, train=("a",), val=("b",), test=("c",))


def experiment(**change):
    given = {"dataset": "d", "content": "c", "arms": (Arm(name="one"), Arm(name="two")),
             "draws": (DRAW,), "reference": "one", "metrics": ("dice",)}  # fmt: skip
    return Experiment(**{**given, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": ()}, "arms: none twice or missing"),
        ({"arms": (Arm(name="one"), Arm(name="one"))}, "arms: one twice"),
        ({"draws": (DRAW, DRAW)}, "draws: d0 twice"),
        ({"steps": (Step(arm=Arm(name="two")),)}, "arms: two twice"),
        ({"reference": "x"}, "'x': is no arm"),
        ({"metrics": ("dise",)}, "--metric dise: expected some of .*dice"),
        ({"metrics": ()}, "--metric none"),
        ({"arms": (Arm(name="one", after=("mask",)),)}, "comes after 'mask', which is no step"),
    ],
    ids=["no arm", "arm", "draw", "step", "reference", "metric", "no metric", "after"],
)
def test_contradictions_are_refused(change, words):
    with pytest.raises(ValidationError, match=words):
        experiment(**change)


def test_steps_come_before_all_that_needs_them():
    draws = (DRAW, DRAW.model_copy(update={"name": "d1"}))
    coarse = Step(arm=Arm(name="coarse"), draw=DRAW)
    fine = Step(arm=Arm(name="fine", after=("coarse",)))
    arms = (Arm(name="one", after=("fine",)), Arm(name="two"))
    plan = [(arm.name, draw.name) for arm, draw in experiment(
        draws=draws, steps=(coarse, fine), arms=arms).plan]  # fmt: skip
    assert plan == [("coarse", "d0"), ("fine", "d0"), ("fine", "d1"), ("one", "d0"), ("two", "d0"),
                    ("one", "d1"), ("two", "d1")]  # fmt: skip
    with pytest.raises(ValidationError, match="which is no step"):
        experiment(steps=(fine, coarse), arms=arms)


def test_an_experiment_comes_back_from_its_file(tmp_path):
    asked = experiment(changes={"train": {"epochs": 2}})
    write_experiment(asked, tmp_path)
    assert read_experiment(tmp_path) == asked
    with pytest.raises(InputError):
        read_experiment(tmp_path / "none")
