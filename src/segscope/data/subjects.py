"""Who was examined, by case: cases of one subject never lie on two sides of a split."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from segscope.data.cases_table import CasesTable, case_key
from segscope.data.formats import image_ending
from segscope.data.names import alike
from segscope.data.problems import Problem, shorten

_WHOLE = re.compile(r"^([0-9]+)\.0+$")  # as spreadsheets write whole numbers beside empty cells
_CHANNEL = re.compile(r"_[0-9]{4}$")
_MISSING = frozenset({"nan", "na", "n/a", "none", "null", "nil", "-", "?", "unknown"})
_PERSONS = ("subject_id", "patient", "patient_id", "patientid", "person", "participant_id")


def subjects_of(
    table: CasesTable, known: Collection[str], problems: list[Problem], warnings: list[Problem]
) -> dict[str, str] | None:
    """Who was examined, by case; None where the table does not say.

    The column ``subject`` counts, else ``probable_subject``. An empty cell says nothing.

    Args:
        table: The dataset's.
        known: Names of its cases.
        problems: Filled where rows name cases so that they would not be found.
        warnings: Filled with what is odd.
    """
    sure, probable = table.column("subject"), table.column("probable_subject")
    file = str(table.file)
    column = sure or probable
    if column is None:
        persons = [c for c in table.columns if alike(c).replace(" ", "_") in _PERSONS]
        said = "has no columns case and subject, so each case counts as its own subject"
        remedy = "add them where one person has several cases, else folds may leak"
        if persons:
            remedy = f"name the column {persons[0]} subject if that is meant, else folds may leak"
        warnings.append(Problem(file, said, remedy))
        return None
    if sure and probable:
        said = f"has the columns {sure} and {probable}; {sure} counts"
        warnings.append(Problem(file, said, "leave one of them out"))
    cells = table.cells(column)
    warnings += _odd_subjects(file, cells)
    strangers = sorted(set(cells) - {case_key(name) for name in known})
    problems += _files_as_names(file, strangers, known)
    warnings += _strangers(file, strangers, known)
    return {name: cells.get(case_key(name), "") for name in {*known}}


def _odd_subjects(file: str, cells: Mapping[str, str]) -> list[Problem]:
    cases: dict[str, list[str]] = defaultdict(list)
    for case, subject in cells.items():
        cases[subject].append(case)
    found = [
        Problem(
            file,
            f"subject {subject!r} of {shorten(names)} counts as one person",
            "leave the cell empty where the subject is not known",
        )
        for subject, names in cases.items()
        if subject.casefold() in _MISSING and len(names) > 1
    ]
    folded: dict[str, list[str]] = defaultdict(list)
    for subject in cases:
        folded[_loose(_WHOLE.sub(r"\1", subject))].append(subject)
    return found + [
        Problem(
            file,
            f"subjects {' and '.join(map(repr, names))} count as different persons",
            "write one person's name alike, else folds may leak",
        )
        for names in folded.values()
        if len(names) > 1
    ]


def _files_as_names(file: str, strangers: Sequence[str], known: Collection[str]) -> list[Problem]:
    """Rows that name files where cases are expected: none of them would be found."""
    wanted = {case_key(name) for name in known}
    bare = {name: _bare(name) for name in strangers}
    meant_so = [name for name in strangers if bare[name] != name and bare[name] in wanted]
    if not meant_so:
        return []
    return [
        Problem(
            file,
            f"names files where cases are expected: {shorten(meant_so)}",
            f"write {bare[meant_so[0]]} and so on, without folder, channel number and ending",
        )
    ]


def _bare(name: str) -> str:
    last = Path(name).name
    return _CHANNEL.sub("", last[: len(last) - len(image_ending(Path(last)) or "")])


def _strangers(file: str, strangers: Sequence[str], known: Collection[str]) -> list[Problem]:
    found = []
    if strangers:
        found.append(Problem(file, f"rows for unknown cases: {shorten(strangers)}"))
    close: dict[str, str] = {}
    for name in known:
        close.setdefault(_loose(name), name)
    pairs = [(name, close[_loose(name)]) for name in strangers if _loose(name) in close]
    if pairs:
        said = ", ".join(f"{row} for {case}" for row, case in pairs[:5])
        found.append(
            Problem(
                file,
                f"rows that are nearly named as a case: {said}",
                "write the names alike, else folds may leak",
            )
        )
    return found


def _loose(name: str) -> str:
    """A name without capitals and leading zeros, which spreadsheets change."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", alike(name))
