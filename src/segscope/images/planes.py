"""Plane pictures as grey, and what can be said of them without looking for anything."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.uint8]


def to_grey(array: NDArray[Any]) -> Plane:
    """Bring channels ``(C, *S)`` to 8-bit grey.

    RGB by luminance; other types of sample from their 0.5 to their 99.5 percentile.

    Example:
        >>> to_grey(np.array([[[255, 0]], [[255, 0]], [[255, 255]]], np.uint8)).tolist()
        [[255, 29]]
    """
    values = array.astype(np.float64)
    plane = values[0] if len(values) != 3 else np.tensordot([0.299, 0.587, 0.114], values, 1)
    if array.dtype != np.uint8:
        low, high = np.percentile(plane, [0.5, 99.5])
        plane = (plane - low) / max(high - low, 1e-12) * 255
    grey: Plane = np.round(np.clip(plane, 0, 255)).astype(np.uint8)
    return grey


def stretched(mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring a mask or labels to other sides: nearest pixels, centre on centre.

    Example:
        >>> stretched(np.array([[True, False]]), (2, 4)).astype(int).tolist()
        [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    places = [
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, mask.shape, strict=True)
    ]
    return mask[np.ix_(*places)]


def plain_figures(image: Plane) -> dict[str, float]:
    """Figures of a grey image ``(H, W)`` that know nothing of its content.

    Example:
        >>> found = plain_figures(np.array([[0, 255], [255, 0]], np.uint8))
        >>> found["mean grey"], found["share of white"]
        (127.5, 0.5)
    """
    grey = image.astype(np.float64)
    return {
        "rows": float(image.shape[0]),
        "columns": float(image.shape[1]),
        "rows / columns": image.shape[0] / image.shape[1],
        "mean grey": float(grey.mean()),
        "deviation of grey": float(grey.std()),
        "sharpness": float(ndimage.laplace(grey).std()),
        "share of white": float((grey >= 250).mean()),  # burnt-in text and marks
        "share of black": float((grey <= 2).mean()),
        "middle less rim": _middle_less_rim(grey),
    }


def _middle_less_rim(grey: NDArray[np.float64]) -> float:
    """Grey of the middle half less grey of what is around it."""
    rows, columns = grey.shape
    inside = np.zeros(grey.shape, bool)
    inside[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = True
    return float(grey[inside].mean() - grey[~inside].mean()) if (~inside).any() else 0.0
