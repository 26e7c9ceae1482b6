"""Charts as SVG: small, sharp in print, in the page's own colours, read out by screen readers.

Points say their values when they are pointed at; lines are told apart by colour and by dashes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 720, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 50
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_COLOURS = 6
_DOTS = 120
"""A line of more points has no dots: they would cover it."""


@dataclass(frozen=True)
class Lines:
    """A chart of lines, or of points: name to (x, y).

    Args:
        series: What is drawn; values that are not finite leave a gap. Where an x is no number, all
            are names, in the order in which they first come.
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
class _Axis:
    """Values to places along an axis."""

    low: float
    high: float
    begin: float
    end: float
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def chart_svg(chart: Lines, number: int = 0) -> str:
    """Draw a chart as a piece of HTML: the SVG, and its legend where there are several series.

    Args:
        chart: What is drawn.
        number: Of the chart on its page, for the identifiers of its texts.

    Example:
        >>> text = chart_svg(Lines({"a": ([1, 2], [0.5, 0.75])}, "epoch", "Dice"))
        >>> text.count("<circle"), "epoch" in text
        (2, True)
    """
    names = _names(chart)
    series = {
        name: [
            (float(names.index(x)) if names else float(x), float(y))
            for x, y in zip(*values, strict=True)
        ]
        for name, values in chart.series.items()
    }
    known = [point for points in series.values() for point in points if _finite(point)]
    if not known:
        return '<p class="none">Nothing to draw: no value is defined.</p>'
    horizontal = _axis([x for x, _ in known], _LEFT, _WIDTH - _RIGHT)
    if names:
        ticks = list(enumerate(names))
        horizontal = _Axis(-0.5, len(names) - 0.5, _LEFT, _WIDTH - _RIGHT, ticks)
    vertical = _axis([y for _, y in known], _HEIGHT - _BOTTOM, _TOP)
    drawn = "".join(
        _series(chart, k, name, points, horizontal, vertical)
        for k, (name, points) in enumerate(series.items())
    )
    title, said = f"chart{number}-title", f"chart{number}-said"
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="{title} {said}">'
        f'<title id="{title}">{escape(chart.y)} against {escape(chart.x)}</title>'
        f'<desc id="{said}">{escape(describe_chart(chart))}</desc>'
        f"{_frame(chart, horizontal, vertical)}{drawn}</svg>{_legend(chart)}"
    )


def describe_chart(chart: Lines) -> str:
    """Say a chart in words, for who cannot see it.

    Example:
        >>> describe_chart(Lines({"a": ([1, 2, 3], [0.5, 0.25, 0.75])}, "epoch", "Dice"))
        'a: 3 values from 0.25 to 0.75, the last 0.75.'
    """
    said = []
    for name, (_, y) in chart.series.items():
        known = [float(value) for value in y if math.isfinite(value)]
        if not known:
            said.append(f"{name}: no value is defined.")
            continue
        ends = f"from {min(known):.4g} to {max(known):.4g}"
        last = "" if chart.points else f", the last {known[-1]:.4g}"
        said.append(f"{name}: {len(known)} values {ends}{last}.")
    return " ".join(said)


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round values within a range: steps of 1, 2 or 5 times a power of ten.

    Args:
        low: End of the range.
        high: Other end.
        most: At most so many steps.

    Example:
        >>> nice_ticks(0.13, 0.91)
        [0.2, 0.4, 0.6, 0.8]
    """
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def _names(chart: Lines) -> list[str]:
    """Names along x, where these are no numbers."""
    values = [x for xs, _ in chart.series.values() for x in xs]
    if all(isinstance(x, int | float) or hasattr(x, "__float__") for x in values):
        return []
    return list(dict.fromkeys(str(x) for x in values))


def _finite(point: tuple[float, float]) -> bool:
    return all(map(math.isfinite, point))


def _axis(values: Sequence[float], begin: float, end: float) -> _Axis:
    low, high = min(values), max(values)
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    low, high = low - margin, high + margin
    return _Axis(low, high, begin, end, [(tick, f"{tick:g}") for tick in nice_ticks(low, high)])


def _frame(chart: Lines, x: _Axis, y: _Axis) -> str:
    """Grid, ticks and titles of the axes."""
    floor, middle = _HEIGHT - _BOTTOM, (_TOP + _HEIGHT - _BOTTOM) / 2
    parts = []
    for value, text in y.ticks:
        at = y.place(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" class="end">{escape(text)}</text>')
    for value, text in x.ticks:
        at = x.place(value)
        parts.append(f'<path class="tick" d="M{at:.1f} {floor}v5"/>')
        parts.append(f'<text x="{at:.1f}" y="{floor + 19}" class="mid">{escape(text)}</text>')
    parts.append(f'<path class="tick" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}"/>')
    across = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{across}" y="{_HEIGHT - 8}" class="mid">{escape(chart.x)}</text>')
    turned = f'transform="rotate(-90 16 {middle})"'
    parts.append(f'<text x="16" y="{middle}" {turned} class="mid">{escape(chart.y)}</text>')
    return "".join(parts)


def _series(
    chart: Lines, k: int, name: str, points: Sequence[tuple[float, float]], x: _Axis, y: _Axis
) -> str:
    places = [(x.place(a), y.place(b)) if _finite((a, b)) else None for a, b in points]
    parts = [] if chart.points else [f'<path class="line" {_dash(k)} d="{_path(places)}"/>']
    if chart.points or len(points) <= _DOTS:
        radius = 4 if chart.points else 2.5
        said = _said(chart, name)
        parts += [
            f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius}">'
            f"<title>{escape(text)}</title></circle>"
            for place, text in zip(places, said, strict=True)
            if place is not None
        ]
    return f'<g class="s{k % _COLOURS}">{"".join(parts)}</g>'


def _said(chart: Lines, name: str) -> list[str]:
    """What each point says when it is pointed at."""
    texts, (xs, ys) = chart.texts.get(name, ()), chart.series[name]
    said = []
    for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
        own = f"{texts[k]}: " if k < len(texts) else ""
        at = x if isinstance(x, str) else f"{float(x):.4g}"
        said.append(f"{own}{name}, {chart.x} {at}, {chart.y} {float(y):.4g}")
    return said


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    """Lines through places; a gap where there is none."""
    parts, pen = [], "M"
    for place in places:
        if place is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place[0]:.1f} {place[1]:.1f}")
        pen = "L"
    return "".join(parts)


def _dash(k: int) -> str:
    """More series than colours are told apart by dashes."""
    dashes = _DASHES[k // _COLOURS % len(_DASHES)]
    return f'stroke-dasharray="{dashes}"' if dashes else ""


def _legend(chart: Lines) -> str:
    if len(chart.series) < 2:
        return ""
    swatch = '<svg class="swatch" viewBox="0 0 26 10" aria-hidden="true">'
    mark = (
        '<circle cx="13" cy="5" r="4"/>' if chart.points else '<path class="line" {} d="M1 5H25"/>'
    )
    items = "".join(
        f'<li class="s{k % _COLOURS}">{swatch}{mark.format(_dash(k))}</svg>{escape(name)}</li>'
        for k, name in enumerate(chart.series)
    )
    return f'<ul class="legend">{items}</ul>'
