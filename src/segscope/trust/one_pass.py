"""What one pass says of its own prediction, gathered from slabs of probabilities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.trust.margin import BAND, MOVED, band_thickness, threshold_margin
from segscope.trust.mirrored import labels_and_peak
from segscope.trust.sdc import soft_dice_confidence
from segscope.trust.temperature import tempered

_LOWEST = 0.02  # probabilities below this move no figure, but are most of all voxels

Vector = NDArray[np.float64]


class OnePass:
    """Sums over a case's slabs; nothing of the size of all classes is held.

    Args:
        shape: ``(*P)`` of the prepared image.
        classes: Foreground labels.
        temperature: For `tempered_confidence`; 1 leaves probabilities as they are.

    Example:
        >>> found = OnePass((4,), 1)
        >>> found.add((slice(0, 4),), np.array([[0.8, 0.8, 0.4, 0.0]], np.float32))
        >>> found.confidence().round(3).tolist(), round(found.max_probability(), 3)
        ([0.8], 0.8)
    """

    def __init__(self, shape: tuple[int, ...], classes: int, temperature: float = 1.0) -> None:
        self.labels: NDArray[np.integer[Any]] = np.zeros(
            shape, np.uint8 if classes < 256 else np.uint16
        )
        self.peak = np.zeros(shape, np.float16)  # probability of the label that was chosen
        self._temperature = temperature
        self._overlap, self._soft, self._hard = np.zeros((3, classes))
        self._tempered = np.zeros((2, classes))
        self._above = np.zeros((classes, len(MOVED)))
        self._band = np.zeros(classes)
        self._max = 0.0

    def add(self, rows: tuple[slice, ...], slab: NDArray[np.float32]) -> None:
        """Take probabilities ``(K, ...)``, one sigmoid channel or background first."""
        label, best = labels_and_peak(slab)
        self.labels[rows] = label
        self.peak[rows] = best
        self._max += float(best.sum(dtype=np.float64))
        flat = label.ravel()
        for k, channel in enumerate(slab if len(slab) == 1 else slab[1:]):
            self._count(k, channel.ravel(), flat)

    def confidence(self) -> Vector:
        """Soft Dice confidence, per class."""
        return soft_dice_confidence(self._overlap, self._soft, self._hard)

    def tempered_confidence(self) -> Vector:
        """The same of probabilities after the temperature, per class."""
        return soft_dice_confidence(self._tempered[0], self._tempered[1], self._hard)

    def max_probability(self) -> float:
        """Mean over the voxels of the likeliest class's probability."""
        return self._max / max(1, self.labels.size)

    def margin(self) -> Vector:
        """Dependence of each class's mask on its threshold, see `threshold_margin`."""
        return threshold_margin(self._above)

    def band(self) -> Vector:
        """Thickness of each class's undecided band, see `band_thickness`."""
        return band_thickness(self._band, self._hard, dims=self.labels.ndim)

    def sizes(self) -> Vector:
        """Voxels of each class."""
        return self._hard.copy()

    def expected(self) -> Vector:
        """Voxels of each class that the probabilities expect."""
        return self._soft.copy()

    def _count(self, k: int, p: NDArray[np.float32], label: NDArray[np.integer[Any]]) -> None:
        self._soft[k] += float(p.sum(dtype=np.float64))
        likely = np.flatnonzero(p > _LOWEST)
        near, own = p[likely], label[likely] == k + 1
        self._hard[k] += np.count_nonzero(own)
        self._overlap[k] += float(near[own].sum(dtype=np.float64))
        self._above[k] += [np.count_nonzero(near > limit) for limit in MOVED]
        self._band[k] += np.count_nonzero((near > BAND[0]) & (near < BAND[1]))
        if self._temperature != 1:
            found = tempered(near, self._temperature)
            self._tempered[0, k] += found[own].sum()
            self._tempered[1, k] += found.sum()
        else:
            self._tempered[0, k] = self._overlap[k]
            self._tempered[1, k] = self._soft[k]
