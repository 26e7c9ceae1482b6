"""A kind of model refuses the options that would do nothing to it."""

from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.inference import Kind, OpenOptions


def kind(*takes):
    return Kind("a thing", lambda path: True, lambda path, options: None, takes)


def test_what_it_takes_may_be_said_and_the_device_always():
    kind("folds").check(Path("m"), OpenOptions(device="cuda", folds="0"))


@pytest.mark.parametrize("said", [{"level": 2}, {"bf16": True}, {"prepare": Path("p.yaml")}])
def test_what_it_does_not_take_is_refused_by_name(said):
    (name,) = said
    with pytest.raises(InputError, match=f"--{name}: m is a thing, which has no such choice"):
        kind("folds").check(Path("m"), OpenOptions(**said))
