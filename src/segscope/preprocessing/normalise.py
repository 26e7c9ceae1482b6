"""Intensities of one channel to numbers a network likes."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

Scheme = Literal["zscore", "ct", "rescale", "none"]


class ChannelPlan(BaseModel):
    """How one channel is normalised.

    Args:
        name: The dataset's.
        scheme: ``zscore``: minus mean, over standard deviation of the image itself; ``ct``:
            clipped to [lower, upper], then minus ``mean``, over ``sd``, the same for all images;
            ``rescale``: (x - lower) / (upper - lower); ``none``.
        lower: Of the window, in the file's units (Hounsfield units in CT).
        upper: Of the window.
        mean: Of the training foreground, within the window.
        sd: Of the training foreground, within the window.
        nonzero_only: Measure ``zscore`` where the image is not its corner value (skull-stripped).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    scheme: Scheme = "zscore"
    lower: float | None = None
    upper: float | None = None
    mean: float | None = None
    sd: float | None = None
    nonzero_only: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "ChannelPlan":
        window = (self.lower, self.upper)
        if self.scheme in ("ct", "rescale") and (None in window or window[0] >= window[1]):  # type: ignore[operator]
            raise ValueError(
                f"channel {self.name}: {self.scheme} needs lower < upper, got {window}"
            )
        if self.scheme == "ct" and (self.mean is None or not self.sd or self.sd <= 0):
            raise ValueError(f"channel {self.name}: ct needs mean and a positive sd")
        return self


def normalise(array: NDArray[Any], plan: ChannelPlan) -> tuple[NDArray[np.float32], str | None]:
    """Normalise one channel ``(*S)``.

    Returns:
        float32 of the same shape, and a sentence when the channel is constant (it becomes 0).

    Example:
        >>> normalise(np.array([1.0, 3.0]), ChannelPlan(name="T1"))[0].tolist()
        [-1.0, 1.0]
    """
    values = array.astype(np.float32)
    if plan.scheme == "none":
        return values, None
    if plan.scheme == "ct":
        np.clip(values, plan.lower, plan.upper, out=values)
        return (values - np.float32(plan.mean)) / np.float32(plan.sd), None
    if plan.scheme == "rescale":
        low, high = float(plan.lower or 0.0), float(plan.upper or 0.0)
        return (values - np.float32(low)) / np.float32(high - low), None
    inside = values
    if plan.nonzero_only:
        inside = values[values != values.flat[0]]
    if not inside.size:
        return np.zeros_like(values), f"channel {plan.name} is constant: it tells nothing"
    # float64: a float32 sum over millions of large values loses the spread
    mean, sd = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    if not sd > 1e-6 * max(1e-30, abs(mean)):
        return np.zeros_like(values), f"channel {plan.name} is constant: it tells nothing"
    values -= np.float32(mean)
    values /= np.float32(sd)
    if plan.nonzero_only:
        values[array == array.flat[0]] = 0
    return values, None
