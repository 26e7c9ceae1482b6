"""Native decoders in a process of their own: if one dies or hangs, that is its file's fault.

A segmentation fault cannot be caught, so the decoder runs where it takes nothing with it. The
process is started once (70 ms with NumPy) and used again; each call costs less than a millisecond
and one copy of what goes in and out. It is a plain subprocess: those may be started by threads and
by workers of data loaders too.
"""

import atexit
import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segscope.data.decoders.isolated_child import READY, receive, send
from segscope.errors import InputError, WorkError

_CHILD = Path(__file__).with_name("isolated_child.py")
CHILDS = "__main__:"
"""Before the name of a function of the child's own file: nothing of segscope is imported for it."""
_LONGEST = 200
_PATIENCE_S = 60.0
_BYTES_PER_S = 1_000_000


class _DiedError(Exception):
    """The process has gone; the argument says how."""


class _Process:
    """One child and its pipes."""

    def __init__(self) -> None:
        self.used = 0
        self._late = False
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        _ALL.add(self)
        try:
            if self._pipe_in().read(len(READY)) != READY:
                raise EOFError
            send(self._pipe_out(), [str(Path(part).absolute()) for part in sys.path])
        except (EOFError, OSError):
            self.end()
            raise WorkError(
                f"{sys.executable}: a process for decoding could not be started; free memory, or "
                "mend the Python installation"
            ) from None

    def call(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Ask, and wait for the answer at most so long."""
        self.used += 1
        timer = threading.Timer(timeout_s, self._stop)
        timer.daemon = True
        timer.start()
        try:
            send(self._pipe_out(), request)
            answer: dict[str, Any] = receive(self._pipe_in())
            return answer
        except (EOFError, OSError):
            self.end()
            raise _DiedError(self._how(timeout_s)) from None
        except BaseException:  # interrupted in the middle of its talk: it is of no use any more
            self.end()
            raise
        finally:
            timer.cancel()

    def alive(self) -> bool:
        """Whether it has not died while nobody needed it."""
        return self.process.poll() is None

    def end(self) -> None:
        """Kill it, and leave nothing behind."""
        self.process.kill()
        self.forget()
        self.process.wait()

    def forget(self) -> None:
        """Close the pipes; a child that waits for requests ends by itself."""
        _ALL.discard(self)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not sent yet cannot be sent any more
                pass

    def _stop(self) -> None:
        self._late = True
        self.process.kill()

    def _how(self, timeout_s: float) -> str:
        code = self.process.returncode
        if self._late:
            return f"not finished after {timeout_s:.0f} s"
        if code is not None and code < 0:
            try:
                return f"its decoder was ended by {signal.Signals(-code).name}"
            except ValueError:
                return f"its decoder was ended by signal {-code}"
        return f"its decoder ended with exit code {code}"

    def _pipe_out(self) -> Any:
        return self.process.stdin

    def _pipe_in(self) -> Any:
        return self.process.stdout


_LOCK = threading.Lock()
_IDLE: list[_Process] = []
_ALL: set[_Process] = set()


def isolated(
    path: Path,
    function: Callable[..., Any] | str,
    *args: Any,
    timeout_s: float | None = None,
) -> Any:
    """Call a function in another process; its errors, its death and its delay are the file's.

    Args:
        path: The file that the arguments come from, for messages.
        function: Of a module that can be imported, or its name as ``module:function``.
        *args: None, booleans, numbers, text, bytes, arrays of numbers; lists, tuples and dicts of
            these.
        timeout_s: How long it may take; by default a minute, and a second more per megabyte.

    Returns:
        What the function returns, of the same kinds as ``args``; arrays may be written to.

    Raises:
        InputError: The function raised an error, died (segmentation fault), or took too long.
        MemoryError: Memory ran out there.
        WorkError: No process can be started.

    Example:
        >>> isolated(Path("a.tif"), "zlib:crc32", b"abc")
        891568578
        >>> isolated(Path("a.tif"), "os:abort")
        Traceback (most recent call last):
        segscope.errors.InputError: a.tif: cannot be decoded (its decoder was ended by SIGABRT); ...
    """
    limit = _patience(args) if timeout_s is None else timeout_s
    module, name = _named(function)
    request = {"module": module, "name": name, "args": list(args), "alarm": int(limit) + 10}
    try:
        answer = _ask(request, limit)
    except _DiedError as died:
        raise InputError(f"{path}: cannot be decoded ({died}); copy it again") from None
    if "error" not in answer:
        return answer["value"]
    if answer["error"] == "MemoryError":
        raise MemoryError(answer["said"])
    said = " ".join(answer["said"].split())[:_LONGEST]
    kind = answer["error"]
    raise InputError(
        f"{path}: cannot be decoded ({kind}{': ' if said else ''}{said}); copy it again"
    )


def close_isolated() -> None:
    """End all processes that wait; those of other threads end with their calls."""
    with _LOCK:
        waiting = list(_IDLE)
        _IDLE.clear()
    for one in waiting:
        one.forget()
        try:
            one.process.wait(1.0)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()


def _ask(request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    while True:
        with _LOCK:
            one = _IDLE.pop() if _IDLE else None
        if one is not None and not one.alive():
            one.end()
            continue
        one = one or _Process()
        try:
            answer = one.call(request, timeout_s)
        except _DiedError:
            # an earlier file may have left its memory in disorder: only a fresh one is proof
            if one.used > 1 and not one._late:
                continue
            raise
        with _LOCK:
            _IDLE.append(one)
        return answer


def _named(function: Callable[..., Any] | str) -> tuple[str, str]:
    if isinstance(function, str):
        module, _, name = function.partition(":")
        return module, name
    module, name = function.__module__, function.__qualname__
    found: Any = None
    if module != "__main__" and "<" not in name:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part, None)
    if found is not function:
        raise ValueError(
            f"{name} of {module} cannot be found by its name in another process; define it in a "
            "module, at the top"
        )
    return module, name


def _patience(args: tuple[Any, ...]) -> float:
    sizes = [len(a) if isinstance(a, bytes | bytearray) else getattr(a, "nbytes", 0) for a in args]
    return _PATIENCE_S + sum(sizes) / _BYTES_PER_S


def _after_fork() -> None:
    """Leave the parent's children alone: two processes on one pipe would mix their words."""
    global _LOCK
    _LOCK = threading.Lock()
    for one in list(_ALL):
        one.process.returncode = 0  # it is not ours to wait for
        one.forget()
    _IDLE.clear()


atexit.register(close_isolated)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
