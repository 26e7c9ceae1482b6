"""One centre left out: what a network that has seen the others does there."""

import re
from collections.abc import Sequence
from pathlib import Path

from segscope.data import read_column
from segscope.errors import InputError
from segscope.experiments.draw import Draw, drawn
from segscope.images import Case


def centre_draws(
    folder: Path, cases: Sequence[Case], *, column: str, seeds: int
) -> tuple[Draw, ...]:
    """Every value of a column is tested once per seed, by what trained on all the others.

    Weights are chosen on subjects of the centres that train: the one that is tested chooses
    nothing, as it could not where a network is carried to a new centre.

    Args:
        folder: Of the dataset.
        cases: Labelled ones.
        column: Of ``cases.csv``: a centre, a scanner, a protocol.
        seeds: How often all is repeated, with other weights and samples.

    Raises:
        InputError: No such column; a case without a value; a single value; a subject whose cases
            are of two centres, so that a test would not be independent.
    """
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: at least one is needed")
    named = read_column(folder, column)
    empty = [case.name for case in cases if not named.get(case.name)]
    if empty:
        raise InputError(
            f"{folder / 'cases.csv'}: column {column} is empty for {empty[0]}; fill it in, or "
            "leave the case out"
        )
    values = sorted({named[case.name] for case in cases})
    if len(values) < 2:
        raise InputError(f"--split {column}: all cases have {values[0]}; two values are needed")
    _check_subjects(cases, named, column)
    return tuple(
        drawn(
            f"seed{seed}_{_plain(value)}",
            cases,
            [case.name for case in cases if named[case.name] != value],
            [case.name for case in cases if named[case.name] == value],
            seed,
        )
        for seed in range(seeds)
        for value in values
    )


def _check_subjects(cases: Sequence[Case], named: dict[str, str], column: str) -> None:
    found: dict[str, str] = {}
    for case in cases:
        first = found.setdefault(case.group, named[case.name])
        if first != named[case.name]:
            raise InputError(
                f"--split {column}: subject {case.group} has cases of {first} and of "
                f"{named[case.name]}, so no test would be independent"
            )


def _plain(value: str) -> str:
    """A value as part of a folder's name; what a folder cannot be called becomes its number."""
    return re.sub(r"[^A-Za-z0-9.-]", lambda found: f"_{ord(found[0]):x}", value)
