"""Processes that share cores and GPUs, and end when their beginner does."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from segscope.jobs import processes
from segscope.jobs.processes import Processes
from tests.jobs.test_queue import alive, until


def who(folder, name):
    (Path(folder) / f"{name}.{os.getpid()}").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "wrong":
        raise ValueError("no such thing")
    if name == "waits":
        time.sleep(600)
    return os.getpid()


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(processes, "_gpus_of", lambda device: ["5", "7"] if device else [])
    crew = Processes(2, "cuda")
    yield crew
    crew.close()


def test_only_the_piece_of_who_was_killed_is_lost(tmp_path, two):
    names = ["killed", "wrong", *"abcd"]
    done = {one.item[-1]: one for one in two.finished(who, [(tmp_path, n) for n in names], tries=2)}
    assert sorted(done) == sorted(names)
    assert done["killed"].lost
    assert "died by signal 9" in done["killed"].error
    assert (done["wrong"].error, done["wrong"].lost) == ("no such thing", False)
    assert all(done[n].value and not done[n].error for n in "abcd")
    seen = [f for f in tmp_path.iterdir() if f.name.startswith("killed")]
    assert len(seen) == 2
    # each process has a GPU of its own, also the one that replaces a killed one
    assert {f.read_text() for f in tmp_path.iterdir()} == {"5", "7"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_who_stops_ends_all(tmp_path, two):
    work = two.finished(who, [(tmp_path, "a"), (tmp_path, "waits")], tries=1)
    assert next(work).item[-1] == "a"
    until(lambda: list(tmp_path.glob("waits.*")))
    numbers = [int(f.suffix[1:]) for f in tmp_path.iterdir()]
    assert all(alive(number) for number in numbers)
    two.close()
    assert not any(alive(number) for number in numbers)


def test_named_gpus_are_taken_in_turn(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert processes._gpus_of("auto") == ["0", "1"]
    assert processes._gpus_of("cuda:1") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,6")
    assert processes._gpus_of("cuda") == ["3", "6"]
