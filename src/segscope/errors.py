"""The two kinds of failure a person can act on.

The command line prints either as one line and exits with 2 or 1; everything else is a defect of
segscope itself.
"""


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
