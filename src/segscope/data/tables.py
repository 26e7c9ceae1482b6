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
    # by its own line ends the writer quotes a carriage return in a text, by "\n" it does not
    writer = csv.writer(stream, lineterminator="\r\n")
    lines = []
    for cells in (names, *([row.get(name) for name in names] for row in rows)):
        writer.writerow(_cell(cell) for cell in cells)
        lines.append(stream.getvalue().removesuffix("\r\n"))
        stream.seek(stream.truncate(0))
    return "\n".join([*lines, ""])


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return ""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
