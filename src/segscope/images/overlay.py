"""Label maps drawn over planes, quickly and without a plotting library.

Each label has an outline and a light fill in one of Okabe and Ito's colours, which people with any
colour vision can tell apart; where there are more labels than colours, outlines are dashed.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from segscope.images.planes import stretched

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

_DASHES = (0, 8, 4)
"""Pixels after which an outline is broken: not at all, then more and more often."""
_FILL = 0.25
_GAP, _LINE = 8, 18
_INK, _PAPER = (235, 235, 235), (20, 20, 20)


@dataclass(frozen=True, eq=False)
class View:
    """One plane to draw.

    Args:
        picture: 8-bit, ``(rows, columns)`` or ``(rows, columns, 3)``.
        labels: ``(rows, columns)``: 0, or which of the names from 1.
        pixel: Height and width of a pixel, in any unit.
        title: Above it.
        sides: What lies at the left, the right, the top and the bottom.
    """

    picture: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    pixel: tuple[float, float] = (1.0, 1.0)
    title: str = ""
    sides: str = ""


def draw_views(views: Sequence[View], legend: Sequence[str], *, side: int = 260) -> bytes:
    """Draw planes side by side, with a legend below, as a PNG.

    Args:
        views: At least one.
        legend: What stands beside the colour of each label, from 1; empty where it has none.
        side: Most pixels that a plane is high or wide.
    """
    tiles = [_tile(view, side) for view in views]
    width = max(sum(tile.width + _GAP for tile in tiles) + _GAP, side)
    entries = _rows(legend, width)
    high = max(tile.height for tile in tiles)
    sheet = PillowImage.new("RGB", (width, high + 2 * _GAP + _LINE * len(entries)), _PAPER)
    left = _GAP
    for tile in tiles:
        sheet.paste(tile, (left, _GAP))
        left += tile.width + _GAP
    pen = ImageDraw.Draw(sheet)
    for k, row in enumerate(entries):
        for at, number, text in row:
            _entry(pen, (_GAP + at, high + 2 * _GAP + _LINE * k), number, text)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _tile(view: View, side: int) -> PillowImage.Image:
    """Draw a plane at its true proportions, its title above it and its sides' letters on it."""
    rows, columns = view.labels.shape
    high, wide = rows * view.pixel[0], columns * view.pixel[1]
    scale = side / max(high, wide)
    size = (max(16, round(wide * scale)), max(16, round(high * scale)))
    plain = PillowImage.fromarray(np.ascontiguousarray(view.picture))
    picture = np.array(plain.convert("RGB").resize(size, PillowImage.Resampling.BILINEAR))
    labels = stretched(view.labels, (size[1], size[0]))
    for number in np.unique(labels):
        if number:
            _paint(picture, labels == number, int(number))
    top = _LINE if view.title else 0
    # at least as wide as its title
    tile = PillowImage.new("RGB", (max(size[0], _length(view.title)), size[1] + top), _PAPER)
    tile.paste(PillowImage.fromarray(picture), (0, top))
    pen = ImageDraw.Draw(tile)
    pen.text((0, 0), view.title, _INK, font=_font())
    middle = (size[0] // 2, top + size[1] // 2)
    places = [(8, middle[1]), (size[0] - 8, middle[1]), (middle[0], top + 9),
              (middle[0], top + size[1] - 9)]  # fmt: skip
    for letter, place in zip(view.sides, places, strict=False):
        pen.text(place, letter, _INK, font=_font(), anchor="mm", stroke_width=2,
                 stroke_fill=_PAPER)  # fmt: skip
    return tile


def _paint(picture: NDArray[np.uint8], mask: NDArray[np.bool_], number: int) -> None:
    """Put a label's fill and outline into a picture."""
    colour, dash = _look(number)
    inside = picture[mask] * (1 - _FILL) + np.array(colour) * _FILL
    picture[mask] = inside.astype(np.uint8)
    # two pixels wide, within the label; what the picture's edge cuts is no border
    edge = mask & ~ndimage.binary_erosion(mask, iterations=2, border_value=1)
    if dash:
        edge &= (np.indices(mask.shape).sum(0) // dash) % 2 == 0
    picture[edge] = colour


def _look(number: int) -> tuple[tuple[int, int, int], int]:
    """The colour and the dashes of a label, from 1."""
    again, k = divmod(number - 1, len(COLOURS))
    red, green, blue = bytes.fromhex(COLOURS[k][1:])
    return (red, green, blue), _DASHES[min(again, len(_DASHES) - 1)]


def _rows(legend: Sequence[str], width: int) -> list[list[tuple[int, int, str]]]:
    """Arrange the legend in rows of (place, label, text)."""
    rows: list[list[tuple[int, int, str]]] = []
    left = width
    for number, text in enumerate(legend, 1):
        if not text:
            continue
        needs = 18 + _length(text) + 2 * _GAP
        if left + needs > width:
            rows.append([])
            left = 0
        rows[-1].append((left, number, text))
        left += needs
    return rows


def _entry(pen: ImageDraw.ImageDraw, place: tuple[int, int], number: int, text: str) -> None:
    x, y = place
    colour, dash = _look(number)
    faint = tuple(round(part * _FILL) for part in colour)
    pen.rectangle((x, y + 2, x + 11, y + 13), faint if dash else colour, colour)
    pen.text((x + 18, y), text, _INK, font=_font())


def _length(text: str) -> int:
    return int(_font().getlength(text)) + 1


@cache
def _font() -> Any:
    return ImageFont.load_default(13)
