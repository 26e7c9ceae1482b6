"""Pieces of work by several processes of this machine, each with its share of cores and GPUs."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import FrameType

from segscope.errors import InputError
from segscope.jobs.crew import Done, Item, Work, set_threads, share_of_cores

_PATIENCE_S = 5.0
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Processes:
    """Some processes that end with this one, however it ends.

    Args:
        jobs: How many; they share the cores.
        device: What the work will ask for. Where that is any GPU (``auto``, ``cuda``), each
            process sees one, in turn; more processes than GPUs share them.
    """

    one_disk = True

    def __init__(self, jobs: int, device: str = "cpu") -> None:
        self.slots = jobs
        self._gpus = _gpus_of(device)
        self._crew: list[_Worker] = []

    def finished(self, work: Work, items: Sequence[Item], *, tries: int) -> Iterator[Done]:
        """As of `segscope.jobs.Crew`."""
        todo = deque((item, 1) for item in items)
        while len(self._crew) < min(self.slots, len(todo)):
            self._crew.append(_Worker(share_of_cores(self.slots), self._gpu(len(self._crew))))
        for worker in self._crew:
            worker.take(work, todo)
        while busy := [worker for worker in self._crew if worker.busy]:
            ready = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe not in ready:
                    continue
                tried, done = worker.tried, worker.answer()
                again = done.lost and tried < tries
                if again:
                    todo.append((done.item, tried + 1))
                worker.take(work, todo)
                if not again:
                    yield done

    def close(self) -> None:
        """End all processes; those in the middle of a piece clean up behind themselves."""
        for worker in self._crew:
            worker.pipe.close()
            worker.process.terminate()
        last = time.monotonic() + _PATIENCE_S
        for worker in self._crew:
            worker.process.join(max(0.0, last - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _gpu(self, number: int) -> str:
        return self._gpus[number % len(self._gpus)] if self._gpus else ""


class _Worker:
    """One process at a time, and what it does."""

    def __init__(self, threads: int, gpu: str) -> None:
        self._how = (threads, gpu)
        self.busy = False
        self.item: Item = ()
        self.tried = 0
        self.begin()

    def begin(self) -> None:
        # fresh processes: a fork would take over torch's threads in whatever state they are
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self._how))
        self.process.start()
        theirs.close()

    def take(self, work: Work, todo: deque[tuple[Item, int]]) -> None:
        """Hand the next piece out, if there is one."""
        self.busy = bool(todo)
        if self.busy:
            self.item, self.tried = todo.popleft()
            with suppress(BrokenPipeError):  # it died between two pieces; its answer will say so
                self.pipe.send((work, self.item))

    def answer(self) -> Done:
        """What came of the piece; a process that died has none."""
        try:
            value, error, bad_input = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            self.pipe.close()
            code = self.process.exitcode or 0
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            self.begin()
            said = f"its process died {how} (killed, or out of memory); try fewer --jobs"
            return Done(self.item, error=said, lost=True)
        return Done(self.item, value, error, bad_input=bad_input)


def _serve(pipe: Connection, threads: int, gpu: str) -> None:
    """Do pieces of work until there are no more."""
    # whoever began this process ends it, also when a person stops all of them from a terminal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if gpu:
        os.environ[_VISIBLE] = gpu
    set_threads(threads)
    code = 1
    try:
        _work_off(pipe)
        code = 0
    finally:
        os._exit(code)  # all is tidied up; taking libraries down as well takes its time


def _work_off(pipe: Connection) -> None:
    while True:
        try:
            work, item = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((work(*item), "", False))
        except Exception as error:
            said = str(error) or type(error).__name__
            pipe.send((None, said, isinstance(error, InputError)))


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # such a process is never the first
    parent.join()
    os._exit(1)


def _gpus_of(device: str) -> list[str]:
    """Names of the GPUs that processes take turns with; none where one is named, or none is here.

    Example:
        >>> _gpus_of("cpu"), _gpus_of("cuda:1")
        ([], [])
    """
    if device not in ("auto", "cuda"):
        return []
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name for name in os.environ.get(_VISIBLE, "").split(",") if name]
    return named[:count] or [str(k) for k in range(count)]
