"""One self-contained page: text, tables, pictures and charts that work without a network.

Everything that comes from data is escaped by the template; plotly's script is inlined once.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segscope import __version__
from segscope.data.json_files import read_text_file
from segscope.errors import InputError
from segscope.images.overlay import COLOURS


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
class Lines:
    """An interactive chart of lines, or of points: name to (x, y).

    Args:
        series: What is drawn.
        x: Title of the axis.
        y: Title of the axis.
        caption: Below.
        points: Draw points instead of lines.
        texts: What a point says when it is pointed at, by series.
    """

    series: Mapping[str, tuple[Sequence[Any], Sequence[float]]]
    x: str
    y: str
    caption: str = ""
    points: bool = False
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs and what follows them."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Lines] = ()
    pictures: Sequence[Picture] = field(default_factory=tuple)


def page(title: str, sections: Sequence[Section]) -> str:
    """Lay out a whole page.

    Example:
        >>> text = page("a <b>", [Section("s", ["x & y"])])
        >>> "a &lt;b&gt;" in text, "x &amp; y" in text
        (True, True)
    """
    environment = Environment(
        loader=PackageLoader("segscope.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["cell"] = _cell
    charts = [chart for section in sections for chart in section.charts]
    drawn = iter(_draw(charts))
    return environment.get_template("page.html.j2").render(
        title=title,
        version=__version__,
        sections=[(section, [next(drawn) for _ in section.charts]) for section in sections],
    )


def _draw(charts: Sequence[Lines]) -> list[str]:
    if not charts:
        return []
    import plotly.graph_objects as go

    divs = []
    for number, chart in enumerate(charts):
        figure = go.Figure(
            [
                go.Scatter(
                    x=list(x),
                    y=list(y),
                    name=html.escape(name),
                    mode="markers" if chart.points else "lines+markers",
                    text=[html.escape(text) for text in chart.texts.get(name, ())] or None,
                    line={"color": COLOURS[k % len(COLOURS)]},
                )
                for k, (name, (x, y)) in enumerate(chart.series.items())
            ]
        )
        figure.update_layout(
            xaxis_title=chart.x,
            yaxis_title=chart.y,
            template="simple_white",
            height=360,
            margin={"l": 60, "r": 20, "t": 20, "b": 50},
        )
        script: bool = number == 0  # the library itself, once
        divs.append(
            figure.to_html(full_html=False, include_plotlyjs=script, config={"displaylogo": False})
        )
    return divs


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
