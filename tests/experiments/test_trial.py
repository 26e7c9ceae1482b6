"""A trial is named by all that decides it."""

import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest

from segscope.experiments import Arm, Draw, Experiment, Trial, do_trial, parse_arm
from segscope.experiments.trial import await_trial, make_trial
from tests.packages import installed

DRAW = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c",))


def trial(recipe):
    return Trial(parse_arm("unet"), DRAW, recipe, "data", "content")


def test_weights_of_another_content_are_another_trial(tmp_path):
    file = tmp_path / "vgg.safetensors"
    recipe = {"loss": {"options": {"weights": str(file)}}, "patch": [8, 8]}
    absent = trial(recipe).key
    file.write_bytes(b"one")
    one = trial(recipe).key
    file.write_bytes(b"two")
    two = trial(recipe).key
    file.write_bytes(b"one")
    assert len({absent, one, two}) == 3
    assert trial(recipe).key == one


def test_a_trial_that_another_holds_is_done_after_it(tmp_path):
    held = tmp_path / "trials" / "a"
    held.mkdir(parents=True)
    with (held / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        do_trial("nowhere", str(tmp_path), "trials/a")  # it is left to whoever holds it
        waiting = ThreadPoolExecutor(1).submit(await_trial, "nowhere", str(tmp_path), "trials/a")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        (held / "result.json").touch()
    waiting.result(timeout=60)


def test_a_packages_metric_is_part_of_what_is_scored_and_of_no_other_work(tmp_path):
    scored = parse_arm("unet")
    other = Arm(name="other", kind="work", work="segscope.studies.gbm_masks:make")
    code = "from segscope.metrics import Metric\nLIGHT = Metric(None.__eq__, False, 7.0)"

    def facts(arm, *metrics):
        made = Experiment(dataset="data", content="content", arms=(scored, other), draws=(DRAW,),
                          reference="unet", metrics=("dice", *metrics))  # fmt: skip
        return make_trial(made, arm, DRAW, None).facts()

    with installed(tmp_path, "light-things", code, {"segscope.metrics:light": "LIGHT"}):
        with_light, work = facts(scored, "light"), facts(other, "light")
    assert with_light == {**facts(scored), "metrics": {"light": "light-things==1.2"}}
    assert "metrics" not in facts(scored)
    assert work == facts(other)
