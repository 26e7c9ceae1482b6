"""Which map tells most of its classifier: by deletion and insertion, without any mask.

Pixels are taken away, the ones a map is highest at first, and the class's probability watched; or
they are put back into an image that has lost them all. A map that tells where the score comes from
makes it fall fast and rise fast (Petsiuk 2018, arXiv:1806.07421). Layers and methods can so be
chosen where nobody has drawn anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STEPS = 16


@dataclass(frozen=True)
class Faithful:
    """How well a map tells where a score comes from.

    Args:
        deletion: Mean probability while pixels go, highest first; lower is better.
        insertion: Mean probability while they come back; higher is better.
    """

    deletion: float
    insertion: float

    @property
    def score(self) -> float:
        """Insertion less deletion, -1 to 1; 0 of a map that tells nothing, on average."""
        return self.insertion - self.deletion


def deletion_insertion(
    heatmap: NDArray[np.floating[Any]],
    image: Tensor,
    probability: Callable[[Tensor], Tensor],
    *,
    steps: int = _STEPS,
    gone: float = 0.0,
) -> Faithful:
    """Watch a class's probability while pixels are taken away and put back in a map's order.

    Args:
        heatmap: ``(*S)``; of equal values the first in the array's order goes first.
        image: ``(C, *S)``.
        probability: From images ``(N, C, *S)`` to the class's probability ``(N,)``.
        steps: Equal parts of the image that go one after the other.
        gone: Value of a pixel that was taken away.

    Returns:
        Areas under both curves, by the trapezoid rule over the share of pixels.

    Raises:
        ValueError: Sides that differ; fewer than one step; a map that is not finite.

    Example:
        >>> image = torch.tensor([[[4.0, 0.0, 0.0, 0.0]]])
        >>> found = deletion_insertion(np.array([[9.0, 0, 0, 0]]), image, lambda x:
        ...                            x.sum((1, 2, 3)) / 4, steps=4)
        >>> found.deletion, found.insertion
        (0.125, 0.875)
    """
    if heatmap.shape != tuple(image.shape[1:]):
        raise ValueError(
            f"heatmap must be of the image's sides {tuple(image.shape[1:])}, got {heatmap.shape}"
        )
    if steps < 1 or not np.isfinite(heatmap).all():
        raise ValueError(f"steps must be 1 or more and heatmap finite, got {steps} steps")
    order = np.argsort(-heatmap.ravel().astype(np.float64), kind="stable")
    rank = np.empty(order.size, np.intp)
    rank[order] = np.arange(order.size)
    counts = [round(order.size * k / steps) for k in range(steps + 1)]
    first = np.stack([rank < count for count in counts]).reshape(-1, 1, *heatmap.shape)
    taken = torch.from_numpy(first).to(image.device)
    empty = torch.full_like(image, gone)
    deleted = probability(torch.where(taken, empty, image))
    inserted = probability(torch.where(taken, image, empty))
    shares = np.array(counts) / order.size
    return Faithful(*(_area(curve, shares) for curve in (deleted, inserted)))


def _area(curve: Tensor, shares: NDArray[np.float64]) -> float:
    return float(np.trapezoid(curve.detach().cpu().double().numpy(), shares))
