"""``cases.csv``: what is known of each case, read once and strictly, for subjects and for groups.

One row per case, one cell per column. Separated by commas, or by semicolons or tabs where only
these give a column ``case``; UTF-8. Blanks around names and cells do not count, nor does the quote
that keeps spreadsheets from running a cell that begins with ``= + - @``.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segscope.data.names import alike, clean, shown
from segscope.data.problems import Problem, shorten
from segscope.data.regular import why_no_file
from segscope.errors import InputError

NAME = "cases.csv"
_KEYS = ("case", "subject", "probable_subject")
_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r"sep=(?P<by>[,;\t])\r?\n")  # as spreadsheets write it
_Fault = tuple[str, str]


@dataclass(frozen=True)
class CasesTable:
    """The rows of ``cases.csv``.

    Args:
        file: It.
        columns: As they are named, without blanks.
        rows: Case to column to cell; every row has every column.
    """

    file: Path
    columns: tuple[str, ...]
    rows: dict[str, dict[str, str]]

    def column(self, name: str) -> str | None:
        """The column of this name, whatever its capitals; None where there is none."""
        return next((c for c in self.columns if alike(c) == alike(name)), None)

    def cells(self, column: str) -> dict[str, str]:
        """Case to its cell in a column."""
        return {case: row[column] for case, row in self.rows.items()}


def case_key(name: str) -> str:
    """What a case is looked up by: file systems differ in how they compose accents.

    Example:
        >>> case_key("u\\u0308ber ") == case_key("\\u00fcber")
        True
    """
    return unicodedata.normalize("NFC", clean(name))


def read_table(folder: Path, problems: list[Problem], warnings: list[Problem]) -> CasesTable | None:
    """Read a dataset's ``cases.csv``; None where there is none, or where it is not usable.

    A table without a column ``case`` is not usable; only where it names subjects that is a fault.
    """
    file = folder / NAME
    fault = why_no_file(file)
    if fault is not None:
        if fault[0] != "is missing":
            problems.append(Problem(str(file), *fault))
        return None
    try:
        lines = _lines(file)
    except InputError as error:
        problems.append(Problem.of(error, file))
        return None
    faults: list[_Fault] = []
    remarks: list[_Fault] = []
    table = _table(file, lines, faults, remarks)
    problems += [Problem(str(file), *said) for said in faults]
    warnings += [Problem(str(file), *said) for said in remarks]
    return None if faults else table


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Cells of every line that holds any, with its number."""
    try:
        raw = file.read_bytes()
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw:
            raise ValueError("it is not UTF-8; UTF-16?")
        text = raw.decode("utf-8-sig")
        told = _SEPARATOR_LINE.match(text)
        body = text[told.end() :] if told else text
        start = 1 if told else 0
        by = told["by"] if told else _separator(body)
        rows = csv.reader(io.StringIO(body, newline=""), strict=True, delimiter=by)
        found = [(start + rows.line_num, [_cell(cell) for cell in row]) for row in rows]
    except (ValueError, csv.Error, OSError) as error:
        raise InputError(f"{file}: cannot be read as CSV ({error}); save it as UTF-8 CSV") from None
    return [(number, cells) for number, cells in found if any(cells)]


def _separator(text: str) -> str:
    """The one that gives the first line a cell ``case``; commas where none or several do."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    giving = [
        by
        for by in _SEPARATORS
        if "case" in {alike(cell) for row in csv.reader([first], delimiter=by) for cell in row}
    ]
    return giving[0] if len(giving) == 1 else ","


def _cell(text: str) -> str:
    cell = clean(text)
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def _table(
    file: Path,
    lines: Sequence[tuple[int, list[str]]],
    faults: list[_Fault],
    remarks: list[_Fault],
) -> CasesTable | None:
    if not lines:
        faults.append(("is empty", "write it with the columns case and subject, or remove it"))
        return None
    header = lines[0][1]
    while header and not header[-1]:  # commas at the end of every line
        header = header[:-1]
    faults += _header_faults(header)
    case = next((k for k, name in enumerate(header) if alike(name) == "case"), None)
    if case is None:
        _without_case(header, faults, remarks)
        return None
    rows: dict[str, dict[str, str]] = {}
    unnamed = []
    for number, cells in lines[1:]:
        whole = _fitted(cells, len(header))
        if whole is None:
            said = f"line {number} has {len(cells)} cells, the first has {len(header)}"
            faults.append((said, "give every line one cell per column; quote cells with commas"))
            continue
        row = {name: cell for name, cell in zip(header, whole, strict=True) if name}
        name = unicodedata.normalize("NFC", whole[case])
        if not name:
            unnamed.append(str(number))
        elif name in rows:
            _repeated(name, rows[name], row, faults, remarks)
        else:
            rows[name] = row
    if unnamed:
        remarks.append((f"lines without a case ignored: {shorten(unnamed)}", "name their case"))
    if len(lines) == 1:
        remarks.append(("has no line below the names of its columns", "add one line per case"))
    return CasesTable(file, tuple(name for name in header if name), rows)


def _fitted(cells: list[str], width: int) -> list[str] | None:
    """A line without the empty cells that hang over; None where it still does not fit."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells if len(cells) == width else None


def _header_faults(header: Sequence[str]) -> list[_Fault]:
    named = [name for name in header if name]
    exact = {name for name in named if named.count(name) > 1}
    folded = [alike(name) for name in named]
    keys = {key for key in _KEYS if folded.count(key) > 1}
    remedy = "give every column its own name"
    return [(f"has two columns {name}", remedy) for name in sorted(exact | keys)]


def _without_case(header: Sequence[str], faults: list[_Fault], remarks: list[_Fault]) -> None:
    there = ", ".join(header) or "none"
    if any(alike(name) in _KEYS for name in header):
        faults.append(
            (f"has a column of subjects and no column case; there are {shown(there)}", "add it")
        )
        return
    said = "has no columns case and subject, so each case counts as its own subject"
    remarks.append((said, "add them where one person has several cases, else folds may leak"))


def _repeated(
    name: str,
    first: Mapping[str, str],
    second: Mapping[str, str],
    faults: list[_Fault],
    remarks: list[_Fault],
) -> None:
    unlike = [column for column in first if first[column] != second[column]]
    if not unlike:
        remarks.append((f"gives case {name} twice, alike", "keep one row"))
        return
    column = next((c for c in unlike if alike(c) in _KEYS), unlike[0])
    what = "subjects" if alike(column) in _KEYS else f"entries in {column}"
    said = f"gives case {name} two {what}, {first[column]!r} and {second[column]!r}"
    faults.append((said, "keep one row"))
