"""Two masks of one label, and what several metrics ask of them, each computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid
from segscope.metrics.lesions import lesion_scores
from segscope.metrics.overlap import Counts, count_agreement, overlap_scores
from segscope.metrics.surface import BorderDistances, border_distances
from segscope.metrics.volume import volume_scores


@dataclass(frozen=True, eq=False)
class MaskPair:
    """What a metric is computed of.

    Args:
        prediction: ``(*S)``, boolean: the box around the label in both maps, not the whole image.
        truth: Of the same shape.
        voxels: Of the whole image.
        spacing_mm: Voxel size along each axis.
        grid: Of the whole image.
        empty: What overlaps of two empty masks are, ``nan`` or ``one``.
        tolerance_mm: Of the surface Dice.

    Example:
        >>> mask = np.array([True, False])
        >>> MaskPair(mask, mask, 9, (1.0,), Grid.from_spacing((9,), (1.0,))).counts.tn
        8
    """

    prediction: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    voxels: int
    spacing_mm: Sequence[float]
    grid: Grid
    empty: str = "nan"
    tolerance_mm: float = 1.0

    @cached_property
    def counts(self) -> Counts:
        """Voxels of the whole image by agreement."""
        inside = count_agreement(self.prediction, self.truth)
        return replace(inside, tn=inside.tn + self.voxels - self.truth.size)

    @cached_property
    def overlaps(self) -> dict[str, float]:
        """See `overlap_scores`."""
        return overlap_scores(self.counts, empty=self.empty)

    @cached_property
    def volumes(self) -> dict[str, float]:
        """See `volume_scores`."""
        return volume_scores(self.counts)

    @cached_property
    def distances(self) -> BorderDistances:
        """See `border_distances`."""
        return border_distances(self.prediction, self.truth, self.spacing_mm)

    @cached_property
    def lesions(self) -> dict[str, Any]:
        """See `lesion_scores`."""
        return lesion_scores(self.prediction, self.truth)
