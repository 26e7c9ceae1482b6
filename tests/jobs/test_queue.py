"""Whoever is lost loses one piece of work, which another takes up again."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from segscope.errors import InputError, WorkError
from segscope.jobs import run_jobs


def write(folder, name):
    (Path(folder) / name).write_text(str(os.getpid()))


def die_once(folder, name):
    first = Path(folder) / f"{name}.begun"
    if name == "b" and not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, name)


def die_always(folder, name):
    if name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, name)


def refuse(folder, name):
    if name == "b":
        raise InputError("b: is not usable; leave it out")
    write(folder, name)


def items(folder):
    return [(str(folder), name) for name in "abc"]


@pytest.mark.parametrize("jobs", [1, 2], ids=["here", "two processes"])
def test_all_is_done_and_what_fails_is_named(tmp_path, jobs):
    run_jobs(write, items(tmp_path), jobs=jobs)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b", "c"]
    with pytest.raises((InputError, WorkError), match="b: b: is not usable") as caught:
        run_jobs(refuse, items(tmp_path), jobs=jobs)
    assert "1 of 3" in str(caught.value)


def test_the_piece_of_a_process_that_was_killed_is_done_by_another(tmp_path):
    run_jobs(die_once, items(tmp_path), jobs=2)
    assert {"a", "b", "c"} <= {f.name for f in tmp_path.iterdir()}


@pytest.mark.slow
def test_a_piece_that_kills_whoever_does_it_is_given_up(tmp_path):
    with pytest.raises(WorkError, match="its process died"):
        run_jobs(die_always, items(tmp_path), jobs=2)


def wait(folder, name):
    write(folder, name)
    time.sleep(600)


def begin_and_wait(folder):
    run_jobs(wait, items(folder), jobs=2)


def alive(process):
    stat = Path(f"/proc/{process}/stat")
    return stat.is_file() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def until(true):
    """Wait for a minute or two, and no longer than is needed."""
    for _ in range(1200):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("has not come")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_nobody_goes_on_when_whoever_began_it_is_killed(tmp_path):
    first = multiprocessing.get_context("spawn").Process(target=begin_and_wait, args=(tmp_path,))
    first.start()
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    until(lambda: all(file.read_text() for file in tmp_path.iterdir()))
    workers = [int(file.read_text()) for file in tmp_path.iterdir()]
    assert all(map(alive, workers))
    first.kill()
    first.join()
    until(lambda: not any(map(alive, workers)))


def test_no_job_is_refused(tmp_path):
    with pytest.raises(InputError, match="--jobs 0"):
        run_jobs(write, items(tmp_path), jobs=0)
