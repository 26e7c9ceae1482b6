"""Pictures of an audit: layers' maps, units, heat-maps."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segscope.images.overlay import COLOURS
from segscope.report.figures import TRUTH, empty_sheet, line_handle, png, pyplot, show

Mask = NDArray[np.integer[Any]]


class LayerMap(NamedTuple):
    """A layer's map, and what stands above it."""

    title: str
    labels: Mask


class UnitMap(NamedTuple):
    """A unit's features, its map, and what stands above it."""

    title: str
    features: NDArray[np.float32]
    labels: Mask


def layer_sheet(
    image: NDArray[Any], truth: Mask | None, output: Mask, maps: Sequence[LayerMap]
) -> bytes:
    """Draw the contour of every layer's map over the image, as in Fig. 6.

    Args:
        image: ``(C, rows, columns)``.
        truth: ``(rows, columns)`` label indices, drawn dashed, or None.
        output: The network's own.
        maps: In the order in which the layers run.
    """
    plt = pyplot()
    columns = 7 if len(maps) > 8 else 5
    cells = [LayerMap("output", output), *maps]
    figure, axes = empty_sheet(plt, -(-len(cells) // columns), columns, (1.9, 2.1))
    for axis, cell in zip(axes.flat, cells, strict=False):
        show(axis, image)
        for value in range(1, int(cell.labels.max(initial=0)) + 1):
            colour = COLOURS[(value - 1) % len(COLOURS)]
            _contour(axis, cell.labels == value, colour, "solid")
        if truth is not None:
            for value in range(1, int(truth.max(initial=0)) + 1):
                _contour(axis, truth == value, TRUTH, "dashed")
        axis.set_title(cell.title, fontsize=7, parse_math=False)
    handles = [line_handle(plt, COLOURS[0], "map (a colour per label)", "solid")]
    if truth is not None:
        handles.append(line_handle(plt, TRUTH, "truth", "dashed"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return png(plt, figure)


def unit_sheet(image: NDArray[Any], truth: Mask | None, units: Sequence[UnitMap]) -> bytes:
    """Draw units' features (above) and their maps over the image (below), as in Figs. 7 and 8."""
    plt = pyplot()
    figure, axes = empty_sheet(plt, 2, len(units), (2.0, 2.15))
    for column, unit in enumerate(units):
        axes[0, column].imshow(unit.features, cmap="viridis")
        axes[0, column].set_title(unit.title, fontsize=8, parse_math=False)
        show(axes[1, column], image)
        _contour(axes[1, column], unit.labels > 0, COLOURS[0], "solid")
        if truth is not None:
            _contour(axes[1, column], truth > 0, TRUTH, "dashed")
    return png(plt, figure)


def heat_figure(
    image: NDArray[Any],
    heat: NDArray[np.float32],
    output: Mask,
    truth: Mask | None,
    title: str,
    *,
    label: str = "share of units",
) -> bytes:
    """Draw a map in 0..1 over the image, as in Figs. 9 and 13, beside the output's contour."""
    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(5.2, 2.9), layout="constrained")
    for axis in axes:
        axis.set_axis_off()
        show(axis, image)
    _contour(axes[0], output > 0, COLOURS[0], "solid")
    if truth is not None:
        _contour(axes[0], truth > 0, TRUTH, "dashed")
    drawn = axes[1].imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.75)
    figure.colorbar(drawn, ax=axes[1], shrink=0.75, label=label)
    figure.suptitle(title, fontsize=9, parse_math=False)
    return png(plt, figure)


def _contour(axis: Any, mask: NDArray[np.bool_], colour: str, style: str) -> None:
    if mask.any() and not mask.all():
        axis.contour(mask, [0.5], colors=[colour], linewidths=1.0, linestyles=style)
