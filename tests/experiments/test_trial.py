"""A trial is named by all that decides it."""

import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest

from segscope.experiments import Draw, Trial, do_trial, parse_arm
from segscope.experiments.trial import await_trial

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
