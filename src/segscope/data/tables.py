"""Tables as CSV text that a spreadsheet can open without harm."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay rows out under the names of all of them; undefined cells (None, nan) stay empty.

    Texts that a spreadsheet would run as a formula get a quote in front.

    Example:
        >>> print(to_csv([{"case": "=1+1", "dice": 0.5}, {"case": "b", "dice": float("nan")}]))
        case,dice
        '=1+1,0.5
        b,
        <BLANKLINE>
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    table: list[list[Any]] = [names, *([row.get(name) for name in names] for row in rows)]
    return "".join(_line(cells) for cells in table)


def _line(cells: Sequence[Any]) -> str:
    stream = io.StringIO()
    # with its usual line end the writer quotes a carriage return in a text, with "\n" it does not
    csv.writer(stream).writerow(_cell(cell) for cell in cells)
    return stream.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return ""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
