"""One self-contained page: text, tables, pictures and charts that work without a network.

Everything that comes from data is escaped by the template. The page prints, works on a phone, in
the dark and by keyboard; its one script sorts and filters tables, and nothing is lost without it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segscope import __version__
from segscope.data.json_files import read_text_file
from segscope.errors import InputError
from segscope.report.charts import Lines, chart_svg


@dataclass(frozen=True)
class Table:
    """Rows of cells under column names; numbers are printed with four digits."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG and what it shows."""

    content: bytes
    caption: str

    @property
    def source(self) -> str:
        """The picture as a ``data:`` address."""
        kind = "png" if self.content.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64," + base64.b64encode(self.content).decode()


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs and what follows them."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Lines] = ()
    pictures: Sequence[Picture] = field(default_factory=tuple)


@dataclass(frozen=True)
class Number:
    """One of the few numbers that matter.

    Args:
        name: Of what.
        value: As it is printed.
        detail: Interval and n.
        few: Of too few cases to rely on: shown in grey.
    """

    name: str
    value: str
    detail: str = ""
    few: bool = False


@dataclass(frozen=True)
class CaseList:
    """Cases with one verdict.

    Args:
        title: ``accept``, ``look`` or ``redo``.
        said: What that means here.
        cases: Name and reason of each.
        more: How many are not listed.
    """

    title: str
    said: str
    cases: Sequence[tuple[str, str]]
    more: int = 0


@dataclass(frozen=True)
class Answer:
    """What stands first on a page: what the reader came for.

    Args:
        level: ``good``, ``look``, ``bad`` or ``unknown``; decides the colour, which is never alone.
        sentence: The verdict.
        reasons: Of the verdict.
        numbers: At most four.
        pictures: Of the worst cases.
        lists: Of cases.
    """

    level: str
    sentence: str
    reasons: Sequence[str] = ()
    numbers: Sequence[Number] = ()
    pictures: Sequence[Picture] = ()
    lists: Sequence[CaseList] = ()


def page(title: str, sections: Sequence[Section], answer: Answer | None = None) -> str:
    """Lay out a whole page.

    Args:
        title: Above it.
        sections: Reasons first, then how it was done.
        answer: Above all sections.

    Example:
        >>> text = page("a <b>", [Section("s", ["x & y"])])
        >>> "a &lt;b&gt;" in text, "x &amp; y" in text
        (True, True)
    """
    environment = Environment(
        loader=PackageLoader("segscope.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["cell"] = _cell
    environment.filters["is_number"] = _is_number
    numbers = count()
    drawn = [[chart_svg(chart, next(numbers)) for chart in one.charts] for one in sections]
    return environment.get_template("page.html.j2").render(
        title=title,
        version=__version__,
        answer=answer,
        sections=list(zip(sections, drawn, strict=True)),
    )


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def read_log(file: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Read ``log.csv`` of a run as one curve per column, against the epoch.

    Raises:
        InputError: Not such a file.
    """
    import csv

    curves: dict[str, tuple[list[float], list[float]]] = {}
    try:
        for row in csv.DictReader(read_text_file(file).splitlines()):
            for name, value in row.items():
                if value and name != "epoch":
                    x, y = curves.setdefault(name, ([], []))
                    x.append(float(row["epoch"]))
                    y.append(float(value))
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"{file}: is not the log of a training ({error}); train --resume writes it anew where "
            "epochs are left, else move it away"
        ) from None
    return curves
