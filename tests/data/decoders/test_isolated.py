"""A decoder's death, delay or noise harms its file alone."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from segscope.data.decoders import isolated as module
from segscope.data.decoders.isolated import close_isolated, isolated
from segscope.errors import InputError, WorkError
from tests import isolated_work as work

FILE = Path("a.tif")


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -2.5, "tëxt", b"", b"\0\xff" * 1000, [1, [2, b"x"]], (1, "a"),
        {"k": (None, {"n": 1})},
    ],
    ids=["none", "true", "whole", "number", "text", "no bytes", "bytes", "list", "tuple", "dict"],
)  # fmt: skip
def test_values_come_back_as_they_were_sent(value):
    (found,) = isolated(FILE, work.same, value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("kind", ["u1", "<u2", ">i2", "<f4", ">f8", "?", "<c8", "<i8"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (7,), (2, 3, 4)])
def test_arrays_come_back_whole_and_may_be_written_to(kind, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    (found,) = isolated(FILE, work.same, array)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    found[...] = 0
    turned = np.arange(12, dtype="i4").reshape(3, 4).T  # not in C order
    np.testing.assert_array_equal(isolated(FILE, work.same, turned)[0], turned)


@pytest.mark.parametrize("kind", ["odd", "KeyError", "RecursionError", "AssertionError"])
def test_an_error_names_the_file_in_one_line(kind):
    with pytest.raises(InputError, match=r"^a\.tif: cannot be decoded \(.*; copy it again$") as e:
        isolated(FILE, work.fail, kind)
    assert "\n" not in str(e.value)
    assert ("OddCodecError" if kind == "odd" else kind) in str(e.value)


def test_memory_that_ran_out_there_is_said_as_such():
    with pytest.raises(MemoryError):
        isolated(FILE, work.fail, "MemoryError")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGILL"])
def test_a_death_is_an_error_of_the_file_and_the_next_is_read(name):
    with pytest.raises(InputError, match=rf"^a\.tif: .*ended by {name}"):
        isolated(FILE, work.die, int(getattr(signal, name)))
    assert isolated(FILE, work.double, 4) == 8


def test_a_real_segmentation_fault_and_an_exit_are_errors_of_the_file():
    with pytest.raises(InputError, match="SIGSEGV"):
        isolated(FILE, work.segfault)
    with pytest.raises(InputError, match="exit code 3"):
        isolated(FILE, work.leave, 3)


@pytest.mark.parametrize("function", [work.hang, work.hang_deaf], ids=["asleep", "busy"])
def test_a_hang_ends_and_is_said(function):
    with pytest.raises(InputError, match=r"^a\.tif: .*not finished after 1 s"):
        isolated(FILE, function, timeout_s=0.7)
    assert isolated(FILE, work.double, 4) == 8


def test_what_decoders_print_does_not_disturb(capfd):
    assert isolated(FILE, work.shout) == "done"
    assert isolated(FILE, work.double, 1) == 2
    assert capfd.readouterr() == ("", "")


def test_one_process_serves_many_calls_and_one_that_died_idle_is_replaced():
    first = isolated(FILE, work.who)
    assert first != os.getpid()
    assert isolated(FILE, work.who) == first
    os.kill(first, signal.SIGKILL)
    found = {isolated(FILE, work.who) for _ in range(5)}
    assert len(found) == 1
    assert first not in found


def test_what_cannot_be_sent_or_found_is_an_error_of_the_caller():
    with pytest.raises(TypeError, match="cannot be sent"):
        isolated(FILE, work.same, object())
    with pytest.raises(ValueError, match="cannot be found"):
        isolated(FILE, lambda: 1)
    with pytest.raises(InputError, match="cannot be sent"):
        isolated(FILE, work.odd)
    assert isolated(FILE, work.double, 4) == 8


def test_threads_do_not_mix_their_answers():
    wrong = []

    def ask(number):
        for k in range(20):
            array = np.full(2000, number * 100 + k)
            if not (isolated(FILE, work.same, array)[0] == array).all():
                wrong.append((number, k))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_gets_children_of_its_own():
    ours = isolated(FILE, work.who)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(
        target=lambda: queue.put([isolated(FILE, work.who) for _ in range(3)]), daemon=True
    )
    worker.start()
    theirs = queue.get(timeout=60)
    worker.join(60)
    assert worker.exitcode == 0
    assert len(set(theirs)) == 1
    assert ours not in theirs
    assert isolated(FILE, work.who) == ours


def test_workers_of_a_data_loader_may_decode():
    from torch.utils.data import DataLoader

    loader = DataLoader(_Decoded(), num_workers=2, batch_size=None)
    assert [int(value) for value in loader] == [0, 2, 4, 6]


class _Decoded:
    def __len__(self):
        return 4

    def __getitem__(self, k):
        return isolated(FILE, work.double, k)


def test_no_process_and_no_word_is_left_at_the_end():
    script = textwrap.dedent("""
        import warnings
        from pathlib import Path
        from segscope.data.decoders.isolated import isolated
        print(isolated(Path("a"), "os:getpid"))
        try:
            isolated(Path("a"), "os:abort")
        except ValueError:
            pass
        print(isolated(Path("a"), "os:getpid"))
    """)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    for number in map(int, done.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_process_that_cannot_start_is_not_the_files_fault(monkeypatch, tmp_path):
    close_isolated()
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit(3)")
    monkeypatch.setattr(module, "_CHILD", broken)
    with pytest.raises(WorkError, match="could not be started"):
        isolated(FILE, work.double, 4)
