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
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_cell(name) for name in names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return ""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
