"""How far a prediction lies from its prior: a figure of quality that needs no truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images.components import find_runs


@dataclass(frozen=True)
class PriorDistance:
    """A prediction against a global binary mask.

    Args:
        centre_mm: Between the centres of mass; ``nan`` where either is empty.
        volume_ratio: Predicted over the mask's volume; ``nan`` where the mask is empty.
        share_outside: Of the predicted voxels; ``nan`` where nothing is predicted.
    """

    centre_mm: float
    volume_ratio: float
    share_outside: float


def prior_distance(
    prediction: NDArray[Any], mask: NDArray[Any], spacing_mm: Sequence[float]
) -> PriorDistance:
    """Compare what is predicted (all labels but 0) with the mask.

    Args:
        prediction: ``(*S)`` labels.
        mask: ``(*S)``, the body part where not 0.
        spacing_mm: Along the arrays' own axes.

    Raises:
        ValueError: Shapes that differ.

    Example:
        >>> mask = np.array([[1, 1, 1, 1]])
        >>> prior_distance(np.array([[0, 0, 0, 2]]), mask, (1.0, 2.0))
        PriorDistance(centre_mm=3.0, volume_ratio=0.25, share_outside=0.0)
    """
    if prediction.shape != mask.shape or prediction.ndim != len(spacing_mm):
        raise ValueError(
            f"prediction, mask and spacing must agree, got {prediction.shape}, {mask.shape} and "
            f"{len(spacing_mm)} spacings"
        )
    found, whole = prediction != 0, mask != 0
    inside, voxels = int((found & whole).sum()), int(found.sum())
    apart = (find_runs(found).centre() - find_runs(whole).centre()) * np.asarray(spacing_mm)
    size = int(whole.sum())
    return PriorDistance(
        centre_mm=float(np.linalg.norm(apart)),
        volume_ratio=voxels / size if size else float("nan"),
        share_outside=1 - inside / voxels if voxels else float("nan"),
    )
