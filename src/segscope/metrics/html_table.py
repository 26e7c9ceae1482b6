"""Results as a table that a notebook shows (``_repr_html_``)."""

import html
from collections.abc import Sequence
from typing import Any


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> str:
    """Lay rows out as an HTML table; numbers have four digits, undefined ones an empty cell.

    Example:
        >>> html_table(["case", "dice"], [["<a>", 0.12345]])
        '<table><thead><tr><th>case</th><th>dice</th></tr></thead><tbody><tr><td>&lt;a&gt;</td><td>0.1235</td></tr></tbody></table>'
    """
    said = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows
    )
    return f"<table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
