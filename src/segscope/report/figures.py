"""Figures from plain numbers and arrays, each as the bytes of a PNG.

Colours are Okabe and Ito's, which people with any colour vision can tell apart.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.images.overlay import COLOURS

TRUTH = "#F0E442"


class Level(Protocol):
    """What `pruning_figure` reads of a row of the pruning table."""

    @property
    def level(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def dice(self) -> float: ...


@dataclass(frozen=True)
class Panel:
    """One plane with contours.

    Args:
        title: Shown above.
        image: ``(rows, columns)`` or ``(3, rows, columns)``.
        truth: ``(rows, columns)`` labels.
        predictions: Name to labels of the same shape.
    """

    title: str
    image: NDArray[Any]
    truth: NDArray[np.integer[Any]]
    predictions: Mapping[str, NDArray[np.integer[Any]]]


def contour_sheet(
    panels: Sequence[Panel],
    *,
    columns: int = 4,
    names: tuple[str, str] = ("expert", "prediction (a colour per label)"),
) -> bytes:
    """Draw images with the expert's contour (yellow, dashed) and predicted ones (solid).

    With one prediction each label has its own colour; with several each prediction has.

    Args:
        panels: What is drawn.
        columns: At most so many side by side.
        names: Of the dashed contours (empty where there are none) and of a single prediction.
    """
    plt = pyplot()
    columns = min(columns, len(panels))
    figure, axes = empty_sheet(plt, -(-len(panels) // columns), columns, (3.1, 3.3))
    for axis, panel in zip(axes.flat, panels, strict=False):
        show(axis, panel.image)
        single = len(panel.predictions) == 1
        for k, labels in enumerate(panel.predictions.values()):
            for value in _values(labels):
                colour = COLOURS[(value - 1 if single else k) % len(COLOURS)]
                axis.contour(labels == value, [0.5], colors=[colour], linewidths=1.3)
        for value in _values(panel.truth):
            axis.contour(
                panel.truth == value, [0.5], colors=[TRUTH], linewidths=0.9, linestyles="dashed"
            )
        axis.set_title(panel.title, fontsize=9, parse_math=False)
    handles = [line_handle(plt, TRUTH, names[0], "dashed")] if names[0] else []
    if panels and len(panels[0].predictions) > 1:
        handles += [
            line_handle(plt, COLOURS[k % len(COLOURS)], name, "solid")
            for k, name in enumerate(panels[0].predictions)
        ]
    else:
        handles += [line_handle(plt, COLOURS[0], names[1], "solid")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return png(plt, figure)


def pruning_figure(rows: Sequence[Level]) -> bytes:
    """Draw time against Dice of every level; a circle's area is its parameters (Fig. 13)."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    largest = max(row.parameters for row in rows)
    for k, row in enumerate(rows):
        axis.scatter(
            1000 * row.seconds, row.dice, s=40 + 1800 * row.parameters / largest,
            color=COLOURS[k % len(COLOURS)], alpha=0.6, edgecolor="black",
        )  # fmt: skip
        axis.annotate(
            f"L{row.level}  {row.parameters / 1e6:.2f} M",
            (1000 * row.seconds, row.dice),
            xytext=(0, -28),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axis.margins(0.25)
    axis.set_xlabel("forward pass of one patch, ms")
    axis.set_ylabel("mean Dice over cases")
    axis.set_title("Levels of the nested network (area: parameters)")
    axis.grid(alpha=0.3)
    return png(plt, figure)


def scores_figure(values: Mapping[str, Sequence[float]], metric: str) -> bytes:
    """Draw one box per name with every case as a point."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(1.3 * len(values) + 1.5, 4), layout="constrained")
    kept = [[v for v in found if v == v] for found in values.values()]
    axis.boxplot(kept, tick_labels=list(values), showfliers=False, widths=0.55)
    random = np.random.default_rng(0)
    for k, found in enumerate(kept):
        x = k + 1 + random.uniform(-0.16, 0.16, len(found))
        axis.plot(x, found, ".", color=COLOURS[k % len(COLOURS)], alpha=0.6)
    axis.set_ylabel(metric)
    axis.grid(axis="y", alpha=0.3)
    axis.tick_params(axis="x", labelrotation=20)
    return png(plt, figure)


def attention_figure(
    image: NDArray[Any],
    truth: NDArray[np.integer[Any]],
    maps: Sequence[tuple[int, str, NDArray[np.float32]]],
) -> bytes:
    """Draw attention coefficients over epochs (columns) of each gate (rows), as in Fig. 12.

    Args:
        image: ``(C, rows, columns)``.
        truth: ``(rows, columns)``.
        maps: Epoch, node and coefficients in [0, 1].
    """
    plt = pyplot()
    epochs = list(dict.fromkeys(epoch for epoch, _, _ in maps))
    nodes = list(dict.fromkeys(node for _, node, _ in maps))
    figure, axes = empty_sheet(plt, len(nodes), len(epochs) + 1, (2.1, 2.2))
    drawn = None
    for row, node in enumerate(nodes):
        show(axes[row, 0], image)
        axes[row, 0].contour(truth > 0, [0.5], colors=[TRUTH], linewidths=0.9)
        axes[row, 0].set_title(f"gate {node}", fontsize=9)
        for epoch, name, coefficients in maps:
            if name == node:
                axis = axes[row, 1 + epochs.index(epoch)]
                drawn = axis.imshow(coefficients, cmap="viridis", vmin=0, vmax=1)
                axis.set_title(f"epoch {epoch}", fontsize=9)
    if drawn is not None:
        figure.colorbar(drawn, ax=axes, shrink=0.6, label="attention coefficient")
    return png(plt, figure)


def widest_slice(
    image: NDArray[Any], truth: NDArray[np.integer[Any]], others: Sequence[NDArray[Any]] = ()
) -> tuple[NDArray[Any], NDArray[np.integer[Any]], list[NDArray[Any]]]:
    """Take the slice along the last axis with the largest truth; plane images stay as they are.

    Args:
        image: ``(C, *S)``.
        truth: ``(*S)``.
        others: More label maps.

    Returns:
        Image ``(C, rows, columns)``, truth and others ``(rows, columns)``, turned so that a
        volume's second axis points up.
    """
    if truth.ndim == 2:
        return image, truth, list(others)
    best = int((truth > 0).sum((0, 1)).argmax())
    turn = [np.rot90(np.take(a, best, -1), axes=(-2, -1)) for a in (image, truth, *others)]
    return turn[0], turn[1], turn[2:]


def show(axis: Any, image: NDArray[Any]) -> None:
    """Show a plane in grey or colour, its extremes clipped; the first of other channel numbers."""
    plane = np.asarray(image, float)
    if plane.ndim == 3:
        plane = np.moveaxis(plane, 0, -1) if len(plane) == 3 else plane[0]
    low, high = np.percentile(plane, [0.5, 99.5])
    shown = np.clip((plane - low) / max(1e-9, high - low), 0, 1)
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1)


def _values(labels: NDArray[Any]) -> list[int]:
    return [int(v) for v in np.unique(labels) if v > 0]


def line_handle(plt: Any, colour: str, name: str, style: str) -> Any:
    """Make an entry of a legend."""
    return plt.Line2D([], [], color=colour, label=name, linestyle=style)


def pyplot() -> Any:
    """Import matplotlib without a screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def empty_sheet(plt: Any, rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """Make a figure of places without axes, and its places by row and column.

    Args:
        plt: See `pyplot`.
        rows: Of places.
        columns: Likewise.
        size: Width and height of a place, in inches.
    """
    whole = (size[0] * columns, size[1] * rows)
    figure, axes = plt.subplots(rows, columns, figsize=whole, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def png(plt: Any, figure: Any) -> bytes:
    """Turn a figure into a PNG and close it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    plt.close(figure)
    return stream.getvalue()


def learning_figure(
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]], x: str, y: str
) -> bytes:
    """Draw means with their intervals, as in Fig. 4; the axis below is in octaves.

    Args:
        curves: Name to (x, mean, low, high); no bar where an end is ``nan``.
        x: Title of the axis.
        y: Title of the axis.
    """
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.6, 4.2), layout="constrained")
    for k, (name, points) in enumerate(curves.items()):
        at, means, low, high = (np.array(part) for part in zip(*points, strict=True))
        # side by side, so that bars do not hide each other
        moved = at * 2 ** (0.05 * (k - (len(curves) - 1) / 2))
        axis.errorbar(
            moved, means, yerr=np.nan_to_num([means - low, high - means]), label=name,
            color=COLOURS[k % len(COLOURS)], marker="o", capsize=3,
        )  # fmt: skip
    axis.set_xscale("log", base=2)
    ticks = sorted({p[0] for points in curves.values() for p in points})
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    return png(plt, figure)


def feature_sheet(
    maps: Mapping[str, NDArray[np.float32]],
    image: NDArray[Any],
    truth: NDArray[np.integer[Any]],
    *,
    columns: int = 8,
) -> bytes:
    """Draw the channels of a layer, of one model or of several below each other (Figs. 7, 8).

    Args:
        maps: Model to ``(F, rows, columns)``; each channel has its own scale from dark to bright.
        image: ``(C, rows, columns)``, shown first.
        truth: ``(rows, columns)``, its outline on the image.
        columns: Channels side by side.
    """
    plt = pyplot()
    counts = {name: -(-len(found) // columns) for name, found in maps.items()}
    rows = sum(counts.values())
    figure, axes = empty_sheet(plt, rows, columns + 1, (1.25, 1.4))
    row = 0
    for name, found in maps.items():
        show(axes[row, 0], image)
        for value in _values(truth):
            axes[row, 0].contour(truth == value, [0.5], colors=[TRUTH], linewidths=0.8)
        axes[row, 0].set_title(name, fontsize=7, parse_math=False)
        for k, channel in enumerate(found):
            axis = axes[row + k // columns, 1 + k % columns]
            axis.imshow(channel, cmap="gray")
            axis.set_title(str(k + 1), fontsize=6)
        row += counts[name]
    return png(plt, figure)


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    Args:
        title: Above it.
        image: ``(C, rows, columns)``.
        heat: ``(rows, columns)`` in 0..1, over the image.
        truth: ``(rows, columns)``; its outline is dashed.
        found: ``(rows, columns)``; its outline is solid.
    """

    title: str
    image: NDArray[Any]
    heat: NDArray[np.float32] | None = None
    truth: NDArray[np.bool_] | None = None
    found: NDArray[np.bool_] | None = None


def tile_sheet(rows: Sequence[Sequence[Tile]]) -> bytes:
    """Draw rows of images, with maps and outlines where given; all tiles are squares."""
    plt = pyplot()
    columns = max(len(row) for row in rows)
    figure, axes = empty_sheet(plt, len(rows), columns, (1.5, 1.65))
    for row, tiles in zip(axes, rows, strict=True):
        for axis, tile in zip(row, tiles, strict=False):
            show(axis, tile.image)
            if tile.heat is not None:
                axis.imshow(tile.heat, cmap="inferno", vmin=0, vmax=1, alpha=0.75)
            for mask, colour, style in (
                (tile.truth, TRUTH, "dashed"),
                (tile.found, COLOURS[0], "solid"),
            ):
                if mask is not None and mask.any() and not mask.all():
                    axis.contour(mask, [0.5], colors=[colour], linewidths=1.0, linestyles=style)
            axis.set_title(tile.title, fontsize=6, parse_math=False)
            axis.set_aspect("auto")
            axis.set_box_aspect(1)
    return png(plt, figure)
