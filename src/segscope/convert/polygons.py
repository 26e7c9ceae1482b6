"""Outlines drawn by hand, as COCO, LabelMe and VIA files hold them, and the voxels inside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segscope.errors import InputError
from segscope.paths import read_json

_ON = 1e-3
"""Pixels; coordinates that were written with digits are off by less."""


@dataclass(frozen=True)
class Outline:
    """One object of one picture.

    Args:
        label: Its name.
        rings: Corners ``(n, 2)`` as x (to the right) and y (down) in pixels, each ring closed by
            itself; the corner of the picture is (0, 0), the middle of its first pixel (.5, .5).
        runs: COCO's run lengths, column by column, instead of rings.
    """

    label: str
    rings: tuple[NDArray[np.float64], ...] = ()
    runs: tuple[int, ...] = ()


def inside(rings: Sequence[ArrayLike], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Pixels whose middle lies inside: an odd number of edges is to the left of it.

    Holes are rings within rings. A middle on an edge belongs to the object on its right.

    Args:
        rings: See `Outline`.
        shape: Rows and columns.

    Example:
        >>> inside([[(1, 1), (4, 1), (4, 3), (1, 3)]], (4, 5)).astype(int)[1].tolist()
        [0, 1, 1, 1, 0]
    """
    rows, columns = shape
    x0, y0, x1, y1 = _edges(rings)
    low, high = (np.clip(np.ceil(y - 0.5), 0, rows).astype(np.int64)
                 for y in (np.minimum(y0, y1), np.maximum(y0, y1)))  # fmt: skip
    edge, row = _spread(low, high)
    at = x0[edge] + (row + 0.5 - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    column = np.clip(np.ceil(at - 0.5), 0, columns).astype(np.int64)
    counts = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    return (np.cumsum(counts.reshape(rows, columns + 1), axis=1)[:, :-1] % 2).astype(bool)


def on_outline(rings: Sequence[ArrayLike], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Pixels whose middle lies on an edge of a ring, within a thousandth of a pixel.

    Args:
        rings: See `Outline`.
        shape: Rows and columns.

    Example:
        >>> on_outline([[(0.5, 0.5), (2.5, 0.5), (2.5, 2.5)]], (3, 3)).astype(int).tolist()
        [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    """
    x0, y0, x1, y1 = (values - 0.5 for values in _edges(rings))  # middles are whole numbers now
    found = np.zeros(tuple(shape), bool)
    for a0, b0, a1, b1, turned in ((x0, y0, x1, y1, False), (y0, x0, y1, x1, True)):
        # along their longer side, edges meet each middle's row (or column) at one place
        long = np.abs(b1 - b0) >= np.abs(a1 - a0)
        a0, b0, a1, b1 = a0[long], b0[long], a1[long], b1[long]
        low, high = np.minimum(b0, b1), np.maximum(b0, b1)
        edge, place = _spread(np.ceil(low - _ON).astype(np.int64),
                              np.floor(high + _ON).astype(np.int64) + 1)  # fmt: skip
        length = np.where(b1 == b0, 1.0, b1 - b0)
        at = a0[edge] + (place - b0[edge]) * ((a1 - a0) / length)[edge]
        other = np.rint(at).astype(np.int64)
        row, column = (other, place) if turned else (place, other)
        kept = (np.abs(at - other) <= _ON) & (row >= 0) & (row < shape[0])
        kept &= (column >= 0) & (column < shape[1])
        found[row[kept], column[kept]] = True
    return found


def _edges(rings: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Begin and end of all edges, as x0, y0, x1, y1."""
    points = [np.asarray(ring, np.float64) for ring in rings]
    pairs = [np.hstack([ring, np.roll(ring, -1, axis=0)]) for ring in points]
    return np.concatenate(pairs).T if pairs else np.zeros((4, 0))


def _spread(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[Any, Any]:
    """Every whole number of each range ``low <= n < high``: whose it is, and which."""
    counts = np.maximum(high - low, 0)
    owner = np.repeat(np.arange(len(low)), counts)
    begins = np.cumsum(counts) - counts
    return owner, low[owner] + np.arange(counts.sum()) - begins[owner]


def from_runs(runs: Sequence[int], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Turn COCO's run lengths into pixels: outside, inside, outside ..., column by column.

    Example:
        >>> from_runs([1, 2, 1], (2, 2)).astype(int).tolist()
        [[0, 1], [1, 0]]

    Raises:
        ValueError: They do not fill the picture.
    """
    if sum(runs) != shape[0] * shape[1] or min(runs, default=0) < 0:
        raise ValueError(f"run lengths of {sum(runs)} pixels for a picture of {tuple(shape)}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(shape[1], shape[0]).T


def draw(
    outlines: Sequence[Outline], classes: Mapping[str, int], shape: Sequence[int]
) -> tuple[NDArray[np.uint8], int]:
    """Draw a picture's objects in their order; a later one lies over an earlier one.

    Returns:
        The label map, and how many pixels of another label were drawn over.
    """
    label = np.zeros(tuple(shape), np.uint8)
    over = 0
    for one in outlines:
        mask = from_runs(one.runs, shape) if one.runs else inside(one.rings, shape)
        value = classes[one.label]
        over += int((mask & (label > 0) & (label != value)).sum())
        label[mask] = value
    return label, over


def read_annotations(file: Path) -> dict[str, list[Outline]]:
    """Read a COCO, LabelMe or VIA file, or a folder of LabelMe files: picture to its objects.

    Raises:
        InputError: Of none of these forms, or an object of a shape that has no area.
    """
    files = sorted(file.glob("*.json")) if file.is_dir() else [file]
    if not files:
        raise InputError(f"{file}: holds no .json; name a COCO, LabelMe or VIA file")
    found: dict[str, list[Outline]] = {}
    for one in files:
        try:
            for picture, outlines in _pictures(read_json(one)):
                found.setdefault(picture, []).extend(outlines)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{one}: is not understood as COCO, LabelMe or VIA: {type(error).__name__}: {error}"
            ) from None
    return found


def _pictures(facts: Any) -> Iterator[tuple[str, list[Outline]]]:
    if "annotations" in facts and "images" in facts:
        yield from _coco(facts)
    elif "shapes" in facts:
        name = str(facts["imagePath"]).replace("\\", "/").rpartition("/")[2]
        yield name, [_labelme(shape) for shape in facts["shapes"]]
    else:
        pictures = facts.get("_via_img_metadata", facts)
        for one in pictures.values():
            regions = one["regions"]
            listed = regions.values() if isinstance(regions, Mapping) else regions
            yield str(one["filename"]), [_via(region) for region in listed]


def _coco(facts: Mapping[str, Any]) -> Iterator[tuple[str, list[Outline]]]:
    names = {one["id"]: str(one["name"]) for one in facts["categories"]}
    found: dict[Any, list[Outline]] = {one["id"]: [] for one in facts["images"]}
    for one in facts["annotations"]:
        label, drawn = names[one["category_id"]], one["segmentation"]
        if isinstance(drawn, Mapping):
            if not isinstance(drawn["counts"], list):
                raise ValueError("run lengths as text; write them as a list of numbers")
            found[one["image_id"]].append(Outline(label, runs=tuple(map(int, drawn["counts"]))))
            continue
        if not drawn:
            raise ValueError(f"annotation {one.get('id')} has a box and no outline")
        rings = tuple(np.asarray(ring, np.float64).reshape(-1, 2) for ring in drawn)
        # parts of one object that overlap are one area, not a hole
        found[one["image_id"]] += [Outline(label, (ring,)) for ring in rings]
    for one in facts["images"]:
        yield str(one["file_name"]).rpartition("/")[2], found[one["id"]]


def _labelme(shape: Mapping[str, Any]) -> Outline:
    kind, points = shape.get("shape_type", "polygon"), np.asarray(shape["points"], np.float64)
    return _outline(str(shape["label"]), kind, points, {"polygon": _as_is, "rectangle": _box,
                                                         "circle": _circle})  # fmt: skip


def _via(region: Mapping[str, Any]) -> Outline:
    drawn, said = region["shape_attributes"], region["region_attributes"]
    labels = [str(value) for value in said.values() if value]
    if len(labels) != 1:
        raise ValueError(f"a region's attributes are {dict(said)}, expected one that names it")
    kind = drawn["name"]
    if kind in ("polygon", "polyline"):
        points = np.column_stack([drawn["all_points_x"], drawn["all_points_y"]])
    elif kind == "rect":
        x, y = drawn["x"], drawn["y"]
        points = np.array([[x, y], [x + drawn["width"], y + drawn["height"]]])
    elif kind in ("circle", "ellipse"):
        rx, ry = (drawn.get(key, drawn.get("r")) for key in ("rx", "ry"))
        points = _round(drawn["cx"], drawn["cy"], rx, ry)
    else:
        raise ValueError(f"a {kind} has no area; draw polygons")
    return _outline(labels[0], kind, points.astype(np.float64), {
        "polygon": _as_is, "polyline": _as_is, "rect": _box, "circle": _as_is, "ellipse": _as_is,
    })  # fmt: skip


def _outline(
    label: str,
    kind: str,
    points: NDArray[np.float64],
    shapes: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]],
) -> Outline:
    if kind not in shapes:
        raise ValueError(f"a {kind} has no area; draw polygons")
    ring = shapes[kind](points)
    if len(ring) < 3 or ring.shape[1:] != (2,) or not np.isfinite(ring).all():
        raise ValueError(f"an outline of {label} has {len(ring)} corners, expected three or more")
    return Outline(label, (ring,))


def _as_is(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points


def _box(points: NDArray[np.float64]) -> NDArray[np.float64]:
    (x0, y0), (x1, y1) = points
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _circle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    (x, y), edge = points
    radius = float(np.hypot(edge[0] - x, edge[1] - y))
    return _round(x, y, radius, radius)


def _round(x: float, y: float, rx: float, ry: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    return np.column_stack([x + rx * np.cos(turn), y + ry * np.sin(turn)])
