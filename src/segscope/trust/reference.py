"""What a network's training cases were like: masks, features, noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.trust.shape import ShapeReference
from segscope.trust.shift import FeatureReference

_MOST = 20_000


@dataclass(frozen=True, eq=False)
class Reference:
    """What new cases are compared with.

    Args:
        shapes: Of the training masks.
        layers: Whose features are pooled.
        features: Of the training cases; None where too few, or no layer, could be read.
        noise: Lowest and highest noise of the training images, see `noise_level`.
    """

    shapes: ShapeReference
    layers: tuple[str, ...]
    features: FeatureReference | None
    noise: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "shapes": self.shapes.to_dict(),
            "layers": list(self.layers),
            "features": None if self.features is None else self.features.to_dict(),
            "noise": list(self.noise),
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Reference":
        """Take back what `to_dict` gave."""
        features = facts["features"]
        return cls(
            ShapeReference.from_dict(facts["shapes"]),
            tuple(facts["layers"]),
            None if features is None else FeatureReference.from_dict(features),
            (float(facts["noise"][0]), float(facts["noise"][1])),
        )


def noise_level(array: NDArray[np.float32]) -> float:
    """Noise of a prepared image ``(C, *P)`` over its own spread: the inverse of an SNR.

    The median absolute second difference along the last axis that is long enough, of the noisiest
    channel (a straight line has none, whatever its slope); 0 of a constant image.

    Example:
        >>> noise_level(np.array([[0.0, 1.0, 2.0, 3.0]], np.float32))
        0.0
    """
    axes = [axis for axis in range(1, array.ndim) if array.shape[axis] >= 3]
    if not axes:
        return 0.0
    second = np.abs(np.diff(array, 2, axis=axes[-1])).reshape(len(array), -1)
    second = second[:, :: max(1, second.shape[1] // _MOST)]  # a median needs no more
    spread = array.reshape(len(array), -1).std(1, dtype=np.float64)
    levels = np.divide(np.median(second, 1), spread, out=np.zeros(len(array)), where=spread > 0)
    return float(levels.max())
