"""From class activation maps to labels, without anybody having drawn one."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from segscope.explain.heatmaps import otsu_threshold

Criterion = Literal["otsu", "image-level"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

_STEP = 8
_LEVELS = 256


def image_level_threshold(
    levels: NDArray[np.uint8], image: Tensor, probability: Callable[[Tensor], Tensor]
) -> int:
    """Threshold at which what is kept says most of a class, and the rest says least of it.

    Every eighth threshold t of a map is tried: the image is shown to its classifier with all but
    ``map > t`` set to 0, and with ``map > t`` set to 0. The t with the largest difference of the
    two probabilities is taken, of equal ones the highest (the smallest region). No mask is needed.

    Args:
        levels: ``(*S)``, 0 to 255.
        image: ``(C, *S)``, as it is before normalisation.
        probability: From images ``(N, C, *S)`` to the class's probability ``(N,)``.

    Raises:
        ValueError: Shapes that differ.

    Example:
        >>> image = torch.zeros(1, 2, 2); image[0, 0, 0] = 1
        >>> levels = np.array([[200, 100], [0, 0]], np.uint8)
        >>> image_level_threshold(levels, image, lambda x: x.amax((1, 2, 3)))
        192
    """
    if levels.shape != tuple(image.shape[1:]):
        raise ValueError(
            f"levels must be of the image's sides {tuple(image.shape[1:])}, got {levels.shape}"
        )
    thresholds = range(0, _LEVELS - 1, _STEP)
    above = torch.from_numpy(np.stack([levels > t for t in thresholds]))[:, None].to(image)
    gain = probability(image * above) - probability(image * (1 - above))
    best = torch.nonzero(gain >= gain.max() - 1e-7)[-1]
    return int(thresholds[int(best)])


def weak_label(levels: NDArray[np.uint8], threshold: int | None = None) -> NDArray[np.uint8]:
    """Label what lies above a threshold; Otsu's where none is given.

    Example:
        >>> weak_label(np.array([[0, 10], [200, 250]], np.uint8)).tolist()
        [[0, 0], [1, 1]]
    """
    limit = otsu_threshold(levels) if threshold is None else threshold
    return (levels > limit).astype(np.uint8)


def resize_map(heat: Tensor, shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring a map ``(*s)`` to an image's sides, linearly along each."""
    if tuple(heat.shape) == shape:
        return np.asarray(heat.numpy())
    mode = "bilinear" if heat.ndim == 2 else "trilinear"
    found = functional.interpolate(heat[None, None], shape, mode=mode, align_corners=False)
    return np.asarray(found[0, 0].numpy())
