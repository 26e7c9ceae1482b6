"""A fault as three answers: in which file, what is wrong, what to do.

Readers raise `InputError` with ``file: fault; remedy``; a check that goes on after the first fault
keeps each as a `Problem`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segscope.errors import InputError

_MOST_NAMES = 5


@dataclass(frozen=True)
class Problem:
    """One fault, or one remark where it stands among warnings.

    Args:
        file: Which file (or folder, or entry of ``dataset.json``).
        fault: What is wrong with it.
        remedy: What to do; empty where there is nothing to say.
        case: The case it belongs to, if it belongs to one.

    Example:
        >>> str(Problem("a.nii.gz", "is empty", "copy it again"))
        'a.nii.gz: is empty; copy it again'
    """

    file: str
    fault: str
    remedy: str = ""
    case: str | None = None

    def __str__(self) -> str:
        said = f"{self.file}: {self.fault}"
        return f"{said}; {self.remedy}" if self.remedy else said

    @classmethod
    def of(cls, error: InputError, file: Path, *, case: str | None = None) -> "Problem":
        """Take a reader's error apart.

        Example:
            >>> Problem.of(InputError("a.png: is empty; copy it again"), Path("a.png")).remedy
            'copy it again'
        """
        said = str(error).removeprefix(f"{file}: ")
        fault, _, remedy = said.rpartition("; ")
        return cls(str(file), fault or remedy, remedy if fault else "", case)


def refuse(heading: str, problems: Sequence[Problem]) -> None:
    """Raise all problems together, a single one as a plain sentence; none is fine.

    Raises:
        InputError: With one line per problem.
    """
    if len(problems) == 1:
        raise InputError(str(problems[0]))
    if problems:
        raise InputError(f"{heading}: {len(problems)} problems:", [str(p) for p in problems])


def shorten(names: Sequence[str]) -> str:
    """Join names, the first five of many.

    Example:
        >>> shorten(list("abcdefg"))
        'a, b, c, d, e and 2 more'
    """
    said = ", ".join(names[:_MOST_NAMES])
    return f"{said} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else said
