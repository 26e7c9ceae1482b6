"""What every metric asks of its arguments; anything else would give a number that means nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_spacing(spacing_mm: Sequence[float], ndim: int) -> tuple[float, ...]:
    """Return one voxel size per axis, all finite and above 0.

    Raises:
        ValueError: They are not.

    Example:
        >>> check_spacing((1, 2.5), 2)
        (1.0, 2.5)
    """
    try:
        sizes = tuple(float(size) for size in spacing_mm)
    except (TypeError, ValueError):
        raise ValueError(f"spacing_mm must be {ndim} numbers, got {spacing_mm!r}") from None
    if len(sizes) != ndim or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise ValueError(
            f"spacing_mm must be {ndim} finite numbers above 0, one per array axis, got "
            f"{len(sizes)} spacings: {sizes}"
        )
    return sizes


def check_tolerance(tolerance_mm: float) -> float:
    """Return a tolerance that is finite and at least 0.

    Raises:
        ValueError: It is not.

    Example:
        >>> check_tolerance(float("nan"))
        Traceback (most recent call last):
        ValueError: tolerance_mm must be a finite number of at least 0, got nan
    """
    if not (isinstance(tolerance_mm, int | float | np.number) and 0 <= tolerance_mm < math.inf):
        raise ValueError(
            f"tolerance_mm must be a finite number of at least 0, got {tolerance_mm!r}"
        )
    return float(tolerance_mm)


def check_masks(
    prediction: NDArray[Any], truth: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return two masks of one shape; numbers are taken where they are 0 and 1 alone.

    Raises:
        ValueError: Their shapes differ, they have no axis, or they hold other numbers.
    """
    if prediction.shape != truth.shape or prediction.ndim == 0:
        raise ValueError(
            f"masks must agree in their shape, got {prediction.shape} and {truth.shape}"
        )
    return _as_mask(prediction, "prediction"), _as_mask(truth, "truth")


def _as_mask(array: NDArray[Any], name: str) -> NDArray[np.bool_]:
    if array.dtype == bool:
        return array
    mask: NDArray[np.bool_] = array != 0
    if array.dtype.kind not in "iuf" or not np.array_equal(mask, array):
        raise ValueError(
            f"{name} must be a mask of true and false, got {array.dtype}; compare it with a "
            "label first (array == 1)"
        )
    return mask


def check_label_maps(prediction: NDArray[Any], truth: NDArray[Any]) -> None:
    """Let label maps through: whole numbers, one shape, one voxel at least.

    Raises:
        ValueError: They are none.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction and truth must have one shape, got {prediction.shape} and {truth.shape}"
        )
    if truth.size == 0:
        raise ValueError(f"label maps hold at least one voxel, got the shape {truth.shape}")
    for array in (prediction, truth):
        if array.dtype.kind not in "bui":
            raise ValueError(f"label maps hold whole numbers, got {array.dtype}")


def check_labels(labels: Mapping[str, int]) -> dict[str, int]:
    """Return name to value, each value a whole number of its own, at least 0.

    Raises:
        ValueError: They are not.

    Example:
        >>> check_labels({"background": 0, "lesion": 1})
        {'background': 0, 'lesion': 1}
    """
    values = list(labels.values())
    whole = [isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= 0 for v in values]
    if not all(whole) or len({int(value) for value in values}) < len(values):
        raise ValueError(
            f"labels must give each name a whole number of its own, at least 0, got {dict(labels)}"
        )
    return {name: int(value) for name, value in labels.items()}
