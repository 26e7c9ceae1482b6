"""Whether a run that goes on is what is asked for now: its own command may be given again."""

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segscope.errors import InputError


def refuse_others(folder: Path, lines: Sequence[str]) -> None:
    """Refuse to go on where something else is asked for than a run was begun with.

    Raises:
        InputError: There are such lines.
    """
    if lines:
        raise InputError(
            f"--resume: {folder} was begun otherwise; leave this out, or train anew in another "
            "folder:",
            list(lines),
        )


def other_values(
    asked: Mapping[str, Any], planned: Mapping[str, Any], known: Mapping[str, Any]
) -> list[str]:
    """Say in what a recipe that is asked for differs from a run's, key by key.

    Args:
        asked: What was named; other keys may differ, as plans differ between machines.
        planned: The whole recipe that it would become.
        known: That of the run.

    Example:
        >>> other_values({"train": {"seed": 1}}, {"train": {"seed": 1}}, {"train": {"seed": 0}})
        ['train.seed: the run has 0, asked for is 1']
    """
    lines = {}
    for path in _leaves(asked):
        where, wanted, found = _at(path, planned, known)
        if wanted != found:
            said = f"{where}: the run has {_shown(found)}, asked for is {_shown(wanted)}"
            lines[where] = said
    return list(lines.values())


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from ((key, *rest) for rest in _leaves(value))
        else:
            yield (key,)


def _at(
    path: Sequence[str], planned: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[str, Any, Any]:
    """As deep as both have it: what is only planned with (a CT window) shows in its section."""
    wanted: Any = planned
    found: Any = known
    depth = 0
    for key in path:
        if not all(isinstance(part, Mapping) and key in part for part in (wanted, found)):
            break
        wanted, found, depth = wanted[key], found[key], depth + 1
    return ".".join(path[: max(depth, 1)]), wanted, found


def _shown(value: Any) -> str:
    return reprlib.repr(value) if isinstance(value, Mapping) else str(value)
