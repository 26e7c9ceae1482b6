"""nnU-Net's normalisation schemes, in place and in float32 as it computes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.errors import InputError

SCHEMES = (
    "ZScoreNormalization",
    "CTNormalization",
    "NoNormalization",
    "RescaleTo01Normalization",
    "RGBTo01Normalization",
)
_LEAST = 1e-8


@dataclass(frozen=True)
class ChannelRule:
    """How a channel is normalised.

    Args:
        name: Of the channel.
        scheme: One of `SCHEMES`.
        masked: Only what is inside of the content counts and changes (z-scores).
        mean, sd, lower, upper: Of the training's foreground, for CT.
    """

    name: str
    scheme: str
    masked: bool = False
    mean: float = 0.0
    sd: float = 1.0
    lower: float = 0.0
    upper: float = 1.0


def check_scheme(file: Path, scheme: str) -> None:
    """Refuse a scheme that is not one of nnU-Net's own.

    Raises:
        InputError: As said.
    """
    if scheme not in SCHEMES:
        raise InputError(f"{file}: normalization scheme {scheme} is not known; known are "
                         f"{', '.join(SCHEMES)}")  # fmt: skip


def normalised(
    values: NDArray[np.float32], inside: NDArray[np.bool_], rule: ChannelRule
) -> str | None:
    """Normalise a channel in place; a note where there is something to say.

    Raises:
        InputError: Values that the scheme does not take.

    Example:
        >>> x = np.array([0.0, 2.0, 4.0], np.float32)
        >>> normalised(x, x > 0, ChannelRule("T1", "ZScoreNormalization", masked=True))
        >>> x.tolist()
        [0.0, -1.0, 1.0]
    """
    if rule.scheme == "ZScoreNormalization":
        return _to_scores(values, inside, rule)
    if rule.scheme == "CTNormalization":
        np.clip(values, rule.lower, rule.upper, out=values)
        values -= rule.mean
        values /= max(rule.sd, _LEAST)
    elif rule.scheme == "RescaleTo01Normalization":
        values -= values.min()
        values /= np.clip(values.max(), a_min=_LEAST, a_max=None)
    elif rule.scheme == "RGBTo01Normalization":
        if values.min() < 0 or values.max() > 255:
            raise InputError(
                f"channel {rule.name} has values from {values.min():g} to {values.max():g}; the "
                "model is for pictures of 8 bits, 0 to 255"
            )
        values /= 255.0
    return None


def _to_scores(
    values: NDArray[np.float32], inside: NDArray[np.bool_], rule: ChannelRule
) -> str | None:
    if rule.masked:
        chosen = values[inside]
        if not chosen.size:
            return f"channel {rule.name} is zero everywhere: it is left as it is"
        mean, sd = chosen.mean(), chosen.std()
        values[inside] = (chosen - mean) / max(sd, _LEAST)
    else:
        mean, sd = values.mean(), values.std()
        values -= mean
        values /= max(sd, _LEAST)
    return f"channel {rule.name} is constant: all its values become 0" if sd == 0 else None
