"""Does a mask look like those that the network was trained with?

Each figure (size, and extent along each axis) is compared with the training masks': within their
geometric mean times or over exp(max(2.5 sd of the logarithm, 0.1 for lengths and 0.2 for sizes))
nothing is odd; beyond, the score is the ratio to that limit. The least of these ratios is the
mask's plausibility.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid
from segscope.images.components import bounding_box
from segscope.preprocessing import orientation_to_ras

_LEAST_SPREAD = {"size": 0.2, "extent": 0.1}  # of the logarithm: so much is never odd
_DEVIATIONS = 2.5
_SIDES = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))
_PLANE_SIDES = (("top", "bottom"), ("left", "right"))


@dataclass(frozen=True)
class MaskFigures:
    """What a mask is like.

    Args:
        size_mm: Volume in mm^3 (area in mm^2 of a plane).
        extent_mm: Of its bounding box; R, A, S for volumes, rows and columns for planes.
        cut_at: Sides of the image that it touches: there the view may cut it off.
        pieces: Connected pieces before one was kept.
        holes: That were filled.
    """

    size_mm: float
    extent_mm: tuple[float, ...]
    cut_at: tuple[str, ...]
    pieces: int
    holes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Take back what `to_dict` gave."""
        return cls(
            float(facts["size_mm"]),
            tuple(float(side) for side in facts["extent_mm"]),
            tuple(facts["cut_at"]),
            int(facts["pieces"]),
            int(facts["holes"]),
        )


@dataclass(frozen=True)
class Plausibility:
    """How far a mask can be believed.

    Args:
        score: 1 for a mask like the training ones, towards 0 the less it is; 0 for none.
        warnings: What is odd, in sentences.
    """

    score: float
    warnings: tuple[str, ...]


def measure_mask(
    mask: NDArray[np.bool_], grid: Grid, *, pieces: int = 1, holes: int = 0
) -> MaskFigures:
    """Measure a mask ``(*S)`` on its grid.

    Example:
        >>> mask = np.zeros((4, 6), bool); mask[0:2, 1:4] = True
        >>> found = measure_mask(mask, Grid.from_spacing((4, 6), (2.0, 1.0)))
        >>> found.size_mm, found.extent_mm, found.cut_at
        (12.0, (4.0, 3.0), ('top',))
    """
    n = grid.ndim
    order = [(k, 1) for k in range(n)] if n == 2 else list(orientation_to_ras(grid))
    names = _PLANE_SIDES if n == 2 else _SIDES
    box = bounding_box(mask)
    if box is None:
        return MaskFigures(0.0, (0.0,) * n, (), pieces, holes)
    extent, cut_at = [], []
    for (axis, sign), (low, high) in zip(order, names, strict=True):
        side, last = box[axis], mask.shape[axis]
        extent.append((side.stop - side.start) * grid.spacing_mm[axis])
        ends = (low, high) if sign > 0 else (high, low)
        cut_at += [ends[0]] if side.start == 0 else []
        cut_at += [ends[1]] if side.stop == last else []
    size = float(mask.sum()) * math.prod(grid.spacing_mm)
    return MaskFigures(size, tuple(extent), tuple(sorted(cut_at)), pieces, holes)


def plausibility(figures: MaskFigures, reference: Sequence[MaskFigures]) -> Plausibility:
    """Compare a mask with the training masks.

    Args:
        figures: Of the mask.
        reference: Of the training masks, at least one that holds something.

    Raises:
        ValueError: No reference, or of other dimensions.

    Example:
        >>> one = MaskFigures(1000.0, (10.0, 10.0, 10.0), (), 1, 0)
        >>> half = MaskFigures(500.0, (5.0, 10.0, 10.0), ("superior",), 1, 0)
        >>> plausibility(one, [one]).score, round(plausibility(half, [one]).score, 2)
        (1.0, 0.55)
    """
    known = [one for one in reference if one.size_mm > 0]
    if not known or any(len(one.extent_mm) != len(figures.extent_mm) for one in known):
        raise ValueError("reference must hold masks of the same dimensions that are not empty")
    if figures.size_mm == 0:
        return Plausibility(0.0, ("the mask is empty",))
    plane = len(figures.extent_mm) == 2
    axes = ("rows", "columns") if plane else ("left-right", "front-back", "head-foot")
    compared = [
        ("size", figures.size_mm, [one.size_mm for one in known], "mm^2" if plane else "mm^3")
    ]
    compared += [
        (f"{axis} extent", figures.extent_mm[k], [one.extent_mm[k] for one in known], "mm")
        for k, axis in enumerate(axes)
    ]
    score, warnings = 1.0, []
    for name, value, others, unit in compared:
        low, high = _limits(others, _LEAST_SPREAD[name.split()[-1]])
        ratio = min(1.0, value / low, high / value)
        score = min(score, ratio)
        if ratio < 1:
            warnings.append(
                f"the mask's {name} of {value:.4g} {unit} is unlike the training masks' "
                f"({low:.4g} to {high:.4g})"
            )
    usual = {side for one in known for side in one.cut_at}
    cut = [side for side in figures.cut_at if side not in usual]
    if cut:
        warnings.append(
            f"the mask reaches the image's {', '.join(cut)} border, no training mask does: the "
            "view may be cut off"
        )
    return Plausibility(score, tuple(warnings))


def _limits(values: Sequence[float], least: float) -> tuple[float, float]:
    logs = np.log(values)
    spread = max(_DEVIATIONS * float(logs.std(ddof=1)) if len(logs) > 1 else 0.0, least)
    middle = float(logs.mean())
    return math.exp(middle - spread), math.exp(middle + spread)
