"""Splits by what ``cases.csv`` says of cases: train on some centres or scanners, test on others."""

from collections.abc import Sequence
from pathlib import Path

from segscope.data.cases_table import NAME, case_key, read_table
from segscope.data.names import clean
from segscope.data.problems import Problem, refuse
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
    """Read one column of ``cases.csv`` by case; blanks around cells do not count.

    Raises:
        InputError: No such file or column (those that are there are named), or the table
            contradicts itself.
    """
    problems: list[Problem] = []
    table = read_table(folder, problems, [])
    file = folder / NAME
    refuse(str(file), problems)
    if table is None and not file.exists():
        raise InputError(f"{file}: is missing; write it with the columns case and {column}")
    wanted = clean(column)
    if table is None or not wanted or wanted not in table.columns:
        there = ", ".join(table.columns) if table else "no column case"
        raise InputError(f"{file}: has no column {column}; there are {there}")
    return table.cells(wanted)


def _named(folder: Path, cases: Sequence[Case], option: str, name: str) -> list[Case]:
    column, equals, values = option.partition("=")
    of_case = read_column(folder, column) if column.strip() and equals else {}
    own = {case.name: of_case.get(case_key(case.name), "") for case in cases}
    known = sorted({value for value in own.values() if value})
    whole = clean(values)
    # a value that holds a comma itself is named whole
    wanted = [whole] if whole in known else [v for part in values.split(",") if (v := clean(part))]
    if not (column.strip() and equals and wanted):
        raise InputError(f"{name} {option}: expected column=value,value, e.g. centre=Utrecht")
    strange = [value for value in wanted if value not in known]
    if strange:
        there = ", ".join(known) or "none"
        raise InputError(f"{name} {option}: no case has {strange[0]}; there are {there}")
    return [case for case in cases if own[case.name] in wanted]
