"""The two kinds of failure a person can act on.

The command line prints either as one line and exits with 2 or 1; everything else is a defect of
segscope itself.
"""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

Value = TypeVar("Value")


class InputError(ValueError):
    """A file or an argument is not usable; the message names it, the fault and the remedy.

    Args:
        message: One sentence for a single fault, or a heading when ``problems`` are listed.
        problems: All faults found, one line each, when several were collected before giving up.

    Example:
        >>> str(InputError("2 problems in the dataset", ["a: empty file", "b: no label"]))
        '2 problems in the dataset\\n  a: empty file\\n  b: no label'
    """

    def __init__(self, message: str, problems: list[str] | None = None) -> None:
        self.problems = list(problems or [])
        super().__init__("\n  ".join([message, *self.problems]))


class WorkError(RuntimeError):
    """Work that had begun could not be finished (disk full, a worker died, a lock was taken)."""


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Put a file's name before what is wrong with it, where that does not name it yet.

    Example:
        >>> with naming("a.png"):
        ...     raise InputError("is empty; copy it again")
        Traceback (most recent call last):
        segscope.errors.InputError: a.png: is empty; copy it again
    """
    try:
        yield
    except InputError as error:
        if str(file) in str(error):
            raise
        raise InputError(f"{file}: {error}") from error


# torch has a type of its own on CUDA, elsewhere memory that ran out is a plain RuntimeError
_NO_MEMORY = ("OutOfMemoryError", "DefaultCPUAllocator", "out of memory")


def is_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out.

    Example:
        >>> is_of_memory(RuntimeError("CUDA out of memory")), is_of_memory(ValueError("no"))
        (True, False)
    """
    shown = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(sign in shown for sign in _NO_MEMORY)


class Failures:
    """What went wrong with single cases, while the work on the others goes on.

    Args:
        reasons: Name of a case to what was wrong with it.
        bad_input: Whether all reasons are files or arguments.

    Example:
        >>> failures = Failures()
        >>> for name in ("a", "b"):
        ...     with failures.of(name):
        ...         if name == "a":
        ...             raise InputError("a.png: is empty")
        >>> print(failures.error(2))
        1 of 2 cases failed:
          a: a.png: is empty
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.bad_input = True
        self._defects: list[Exception] = []

    @contextmanager
    def of(self, name: str, *expected: type[Exception]) -> Iterator[None]:
        """Whatever is raised within is kept as the reason of this case; only a stop goes on.

        Args:
            name: Of the case.
            *expected: Errors, beside segscope's own, that say what is wrong with a case.
        """
        known: tuple[type[Exception], ...] = (InputError, WorkError, *expected)
        try:
            yield
        except known as error:
            self.reasons[name] = str(error)
            self.bad_input &= not isinstance(error, WorkError)
        except Exception as error:
            self.bad_input = False
            if is_of_memory(error):
                self.reasons[name] = "memory ran out; close other programs"
                return
            # a defect of segscope is listed as one, not hidden
            said = " ".join(str(error).split())
            kind = type(error).__name__
            self.reasons[name] = (
                f"defect in segscope (please report it with --debug): {kind}"
                f"{': ' if said else ''}{said}"
            )
            traceback.clear_frames(error.__traceback__)  # they would keep the case's voxels
            self._defects.append(error)

    def check(self, total: int, *, what: str) -> None:
        """End the work where no case is left, as bad input.

        Args:
            total: Number of cases that were tried.
            what: Command or part that tells.

        Raises:
            InputError: Every case failed, as its files or the arguments are not usable.
            WorkError: Every case failed, some for other reasons.
        """
        if len(self.reasons) < total or not total:
            return
        if not self.bad_input:
            raise self.error(total)
        same = set(self.reasons.values())
        if len(same) == 1:
            raise InputError(f"{what}: {same.pop()}")
        lines = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        raise InputError(f"{what}: no case is usable:", lines)

    def take(
        self, reasons: Mapping[str, str], *, bad_input: bool, traces: Sequence[str] = ()
    ) -> None:
        """Take over what another process says of its cases; ``traces`` are those of defects."""
        self.reasons |= reasons
        self.bad_input &= bad_input
        self._defects += [RuntimeError(trace) for trace in traces]

    def traces(self) -> list[str]:
        """Tracebacks of defects as text."""
        return ["".join(traceback.format_exception(defect)) for defect in self._defects]

    def arrange(self, names: Sequence[str]) -> None:
        """Put the reasons into the order of the cases."""
        self.reasons = in_order(self.reasons, names)

    def error(self, total: int, *, kept: str = "") -> WorkError:
        """The error that lists all reasons; tracebacks of defects are its cause.

        Args:
            total: Number of cases that were tried.
            kept: What is there of the others.
        """
        lines = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        error = WorkError("\n  ".join([f"{len(lines)} of {total} cases failed:", *lines]) + kept)
        if self._defects:
            error.__cause__ = ExceptionGroup("defects", self._defects)
        return error


def in_order(found: Mapping[str, Value], names: Sequence[str]) -> dict[str, Value]:
    """Put what was found of cases into the order of their names.

    Example:
        >>> in_order({"b": 2, "a": 1}, ["a", "b", "c"])
        {'a': 1, 'b': 2}
    """
    return {name: found[name] for name in names if name in found}
