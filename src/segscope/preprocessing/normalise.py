"""Intensities of one channel to numbers a network likes."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from segscope.errors import InputError
from segscope.images.channels import RGB_RANGE
from segscope.preprocessing.crop import border_value

Scheme = Literal["zscore", "ct", "window", "rescale", "own_range", "rgb", "maximum", "mask", "none"]

_EMPTY_SHARE = 0.25  # of voxels: from here on the surround would rule mean and deviation
_CONSTANT = 1e-6  # deviation over mean: below, float32 holds nothing but rounding
_PIECE = 1 << 14  # voxels summed at a time
_LARGEST = float(np.finfo(np.float32).max)


class ChannelPlan(BaseModel):
    """How one channel is normalised.

    Args:
        name: The dataset's.
        scheme: ``zscore``: minus mean, over standard deviation of the image itself; ``ct``:
            clipped to [lower, upper], then minus ``mean``, over ``sd``, the same for all images;
            ``window``: clipped likewise, then to 0..1; ``rescale``: (x - lower) / (upper - lower);
            ``own_range``: the image's own lowest value to 0, its highest to 1; ``rgb``: over 255,
            values outside 0..255 are refused;
            ``maximum``: over the image's own largest magnitude; ``mask``: 1 where not 0, and again
            0 or 1 after resampling; ``none``.
        lower: Of the window, in the file's units (Hounsfield units in CT).
        upper: Of the window.
        mean: Of the training foreground, in the same units.
        sd: Of the training foreground.
        nonzero_only: For skull-stripped images: where more than a quarter of an image holds the
            most common value of its border, ``zscore`` is measured without those voxels, and they
            become 0.

    Example:
        >>> ChannelPlan(name="photo", scheme="rescale", lower=0, upper=255).scheme
        'rescale'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    scheme: Scheme = "zscore"
    lower: float | None = None
    upper: float | None = None
    mean: float | None = None
    sd: float | None = None
    nonzero_only: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "ChannelPlan":
        if self.scheme in ("ct", "window", "rescale"):
            self.window()
        if self.scheme == "ct":
            self.foreground()
        if self.nonzero_only and self.scheme != "zscore":
            raise ValueError(f"channel {self.name}: nonzero_only is for zscore, not {self.scheme}")
        return self

    def window(self) -> tuple[float, float]:
        """Return the lower and upper limit.

        Raises:
            ValueError: They are missing or not in order.
        """
        if self.lower is None or self.upper is None or self.lower >= self.upper:
            raise ValueError(
                f"channel {self.name}: {self.scheme} needs lower < upper, "
                f"got {self.lower} and {self.upper}"
            )
        return self.lower, self.upper

    def foreground(self) -> tuple[float, float]:
        """Return mean and standard deviation of the training foreground.

        Raises:
            ValueError: They are missing, or the deviation is not positive.
        """
        if self.mean is None or self.sd is None or self.sd <= 0:
            raise ValueError(
                f"channel {self.name}: {self.scheme} needs mean and a positive sd, "
                f"got {self.mean} and {self.sd}"
            )
        return self.mean, self.sd


def normalise(array: NDArray[Any], plan: ChannelPlan) -> tuple[NDArray[np.float32], str | None]:
    """Normalise one channel ``(*S)``.

    Returns:
        float32 of the same shape, and a sentence when the channel is constant (``zscore`` makes it
        0 then, and so does ``own_range``).

    Raises:
        InputError: The values are too large for float32, or not those that the scheme is for.

    Example:
        >>> normalise(np.array([1.0, 3.0]), ChannelPlan(name="T1"))[0].tolist()
        [-1.0, 1.0]
    """
    # what float32 cannot hold exactly is normalised in float64: a small spread on a large offset
    values = array.astype(np.result_type(array.dtype, np.float32))
    low, high = float(values.min()), float(values.max())
    if not max(-low, high) <= _LARGEST:
        raise InputError(f"channel {plan.name}: has values that are not finite in float32")
    note = _constant(plan) if low == high else None
    if plan.scheme == "zscore":
        note = _zscore(values, plan)
    elif plan.scheme == "ct":
        mean, sd = plan.foreground()
        np.clip(values, *plan.window(), out=values)
        values -= mean
        values /= sd
    elif plan.scheme == "own_range":
        values = _to_unit(values, low, high)
    elif plan.scheme == "rgb":
        _check_rgb(plan, low, high)
        values /= RGB_RANGE[1]
    elif plan.scheme == "mask":
        values = (values != 0).astype(np.float32)
    elif plan.scheme in ("window", "rescale"):
        lower, upper = plan.window()
        if plan.scheme == "window":
            np.clip(values, lower, upper, out=values)
        values -= lower
        values /= upper - lower
    elif plan.scheme == "maximum" and (largest := max(-low, high)) > 0:
        values /= largest
    return values.astype(np.float32, copy=False), note


def _to_unit(
    values: NDArray[np.floating[Any]], low: float, high: float
) -> NDArray[np.floating[Any]]:
    """The lowest value to 0, the highest to 1; a constant to 0."""
    if high - low > _LARGEST:
        values = values.astype(np.float64)
    values -= low
    if high > low:
        values /= values.max()  # after the subtraction, so that the highest is 1 to the bit
    return values


def _check_rgb(plan: ChannelPlan, low: float, high: float) -> None:
    lowest, highest = RGB_RANGE
    if low < lowest or high > highest:
        raise InputError(
            f"channel {plan.name}: is to be divided by 255, and has values from {low:g} to "
            f"{high:g}; name the channel rescale_to_0_1 in dataset.json, or mend the image"
        )


def _zscore(values: NDArray[np.floating[Any]], plan: ChannelPlan) -> str | None:
    """Normalise in place; returns the note on a constant channel."""
    empty = None
    if plan.nonzero_only:
        surround = values == border_value(values)
        empty = surround if surround.mean() > _EMPTY_SHARE else None
    inside = values if empty is None else values[~empty]
    mean, sd = _mean_and_sd(inside)
    if sd <= _CONSTANT * max(1e-30, abs(mean)):
        values.fill(0)
        return _constant(plan)
    if empty is not None:
        values[empty] = mean  # it becomes 0; divided as it is, it might overflow
    values -= mean
    values /= sd
    if empty is not None:
        values[empty] = 0
    return None


def _mean_and_sd(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Mean and standard deviation in float64, piece by piece; 0 and 0 of nothing.

    A float32 sum over millions of large values loses the spread, a float64 copy costs memory.
    """
    if not values.size:
        return 0.0, 0.0
    flat = values.ravel(order="K")  # a view, whatever the order of the axes
    mean = float(flat.mean(dtype=np.float64))
    squares = 0.0
    for start in range(0, flat.size, _PIECE):
        apart = np.subtract(flat[start : start + _PIECE], mean, dtype=np.float64)
        squares += float(np.dot(apart, apart))
    return mean, math.sqrt(squares / flat.size)


def _constant(plan: ChannelPlan) -> str:
    return f"channel {plan.name} is constant: it tells nothing"
