"""The figures that a quality is predicted from: names, direction, words, and what each mode has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mode = Literal["fast", "standard", "thorough"]
MODES: tuple[str, ...] = ("fast", "standard", "thorough")

MEAN = "mean"
"""Name of the target that is the mean over the labels."""


@dataclass(frozen=True)
class Figure:
    """A number per case that needs no truth.

    Args:
        direction: 1 where higher is better, -1 where lower is.
        said: What a bad value means, for a person.
        first: Mode that measures it first.
    """

    direction: int
    said: str
    first: Mode = "fast"


FIGURES: dict[str, Figure] = {
    "sdc": Figure(1, "the network is unsure of the voxels that it marked"),
    "max_probability": Figure(1, "the network is unsure in much of the image"),
    "margin": Figure(1, "the mask changes when the threshold moves a little"),
    "heads": Figure(1, "the network's shallower heads say something else"),
    "shape": Figure(-1, "the mask is unlike the training masks in size, shape or place"),
    "shift": Figure(-1, "the image is unlike the training images inside the network"),
    "scale": Figure(1, "at half the resolution the network says something else", "standard"),
    "scale_mirrored": Figure(
        1, "at half the resolution and mirrored the network says something else", "thorough"
    ),
    "mirror": Figure(1, "of mirrored copies the network says something else", "thorough"),
}
"""In the order of reports. A few that all point one way: more of them rank worse."""


def figures_of(mode: str, measured: Sequence[str]) -> tuple[str, ...]:
    """Names of the figures that a mode uses, of those that a network has.

    Example:
        >>> figures_of("standard", ["sdc", "scale", "mirror"])
        ('sdc', 'scale')
    """
    rank = MODES.index(mode)
    return tuple(
        name for name, one in FIGURES.items() if name in measured and MODES.index(one.first) <= rank
    )
