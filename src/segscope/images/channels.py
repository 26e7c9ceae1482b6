"""What a channel's name says of its intensities: nnU-Net's names of normalisations, and CT.

Names are compared without capitals, as a whole: ``CT`` and ``ct`` are CT, ``CT1`` is a name as any
other. Every other name, and ``zscore``, is normalised image by image.
"""

import re
from typing import Literal

Normalisation = Literal["zscore", "ct", "none", "own_range", "rgb"]

NORMALISATIONS: dict[str, Normalisation] = {
    "ct": "ct",
    "nonorm": "none",
    "zscore": "zscore",
    "rescale_to_0_1": "own_range",
    "rescale_0_1": "own_range",  # nnU-Net's earlier name of the same
    "rgb_to_0_1": "rgb",
}
IN_WORDS: dict[Normalisation, str] = {
    "zscore": "minus mean, over deviation of each image (z-score)",
    "ct": "as CT: clipped, minus mean, over deviation of the training foreground",
    "none": "not normalised",
    "own_range": "each image's own range to 0..1",
    "rgb": "over 255; values outside 0..255 are refused",
}
RGB_RANGE = (0.0, 255.0)
_CT_WORDS = frozenset({"ct", "cta", "cect", "ncct", "cbct", "hu", "computedtomography"})
_CT_WORD = re.compile(r"ct\d+")
_MEANT = {
    **dict.fromkeys(("rescale", "rescale01", "rescaleto01", "minmax"), "rescale_to_0_1"),
    **dict.fromkeys(("rgb01", "rgbto01"), "rgb_to_0_1"),
    **dict.fromkeys(("nonorm", "nonormalization", "nonormalisation"), "noNorm"),
    **dict.fromkeys(("none", "nonormalized", "nonormalised", "unnormalized"), "noNorm"),
}


def normalisation_of(name: str) -> Normalisation:
    """How images of a channel of this name are normalised.

    Example:
        >>> [normalisation_of(name) for name in ("ct", "noNorm", "CT1", "T1")]
        ['ct', 'none', 'zscore', 'zscore']
    """
    return NORMALISATIONS.get(name.casefold(), "zscore")


def nearly(name: str) -> str | None:
    """A name with a meaning that this one resembles without being it.

    Example:
        >>> nearly("CT scan"), nearly("no_norm"), nearly("CT"), nearly("FLAIR")
        ('CT', 'noNorm', None, None)
    """
    folded = name.casefold()
    if folded in NORMALISATIONS:
        return None
    words = re.findall(r"[^\W_]+", folded)
    bare = "".join(words)
    if bare in _CT_WORDS or any(word in _CT_WORDS or _CT_WORD.fullmatch(word) for word in words):
        return "CT"
    return _MEANT.get(bare)
