"""Splits by what ``cases.csv`` says of cases: train on some centres or scanners, test on others."""

import csv
from collections.abc import Sequence
from pathlib import Path

from segscope.data.splits import Split
from segscope.errors import InputError
from segscope.images import Case


def split_by_groups(folder: Path, cases: Sequence[Case], train_on: str, test_on: str) -> Split:
    """Split by a column of ``cases.csv``.

    Args:
        folder: Of the dataset.
        cases: Labelled ones.
        train_on: ``column=value,value``.
        test_on: The same, of values that do not train.

    Raises:
        InputError: No such column or value; a case or a subject on both sides; a side is empty.
    """
    sides = [_named(folder, cases, option, "--train-on" if k == 0 else "--test-on")
             for k, option in enumerate((train_on, test_on))]  # fmt: skip
    both = sorted({case.name for case in sides[0]} & {case.name for case in sides[1]})
    if both:
        raise InputError(f"--train-on and --test-on: case {both[0]} is on both sides")
    subjects = {case.group for case in sides[0]} & {case.group for case in sides[1]}
    if subjects:
        raise InputError(
            f"--train-on and --test-on: subject {min(subjects)} has cases on both sides, so the "
            "test would not be independent"
        )
    return Split(*(tuple(case.name for case in side) for side in sides))


def read_column(folder: Path, column: str) -> dict[str, str]:
    """Read one column of ``cases.csv`` by case.

    Raises:
        InputError: No such file or column; those that are there are named.
    """
    file = folder / "cases.csv"
    if not file.is_file():
        raise InputError(f"{file}: is missing; write it with the columns case and {column}")
    with file.open(newline="", encoding="utf-8-sig") as opened:
        rows = csv.DictReader(opened)
        there = list(rows.fieldnames or ())
        if column not in there or "case" not in there:
            raise InputError(f"{file}: has no column {column}; there are {', '.join(there)}")
        return {row["case"]: row[column] or "" for row in rows}


def _named(folder: Path, cases: Sequence[Case], option: str, name: str) -> list[Case]:
    column, equals, values = option.partition("=")
    wanted = [value.strip() for value in values.split(",") if value.strip()]
    if not (column and equals and wanted):
        raise InputError(f"{name} {option}: expected column=value,value, e.g. centre=Utrecht")
    of_case = read_column(folder, column)
    known = sorted({of_case[case.name] for case in cases if case.name in of_case})
    strange = [value for value in wanted if value not in known]
    if strange:
        raise InputError(f"{name} {option}: no case has {strange[0]}; there are {', '.join(known)}")
    return [case for case in cases if of_case.get(case.name) in wanted]
