"""Whether a channel's values are what its name promises; told before anything is trained."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from segscope.data.problems import Problem
from segscope.images import Case
from segscope.images.channels import RGB_RANGE, normalisation_of


def outside_rgb(
    channel_names: Sequence[str], minima: NDArray[Any], maxima: NDArray[Any], case: Case
) -> list[Problem]:
    """Name the images of channels ``rgb_to_0_1`` that hold values outside 0..255.

    Args:
        channel_names: Of the dataset.
        minima: ``(C,)`` lowest value of every channel.
        maxima: ``(C,)`` highest value.
        case: Whose channels they are.
    """
    lowest, highest = RGB_RANGE
    return [
        Problem(
            str(case.image_files[min(k, len(case.image_files) - 1)]),
            f"has values from {float(low):g} to {float(high):g}, and its channel {name} is for "
            "0 to 255",
            "name the channel rescale_to_0_1 in dataset.json, or mend the image",
            case.name,
        )
        for k, (name, low, high) in enumerate(zip(channel_names, minima, maxima, strict=True))
        if normalisation_of(name) == "rgb" and (low < lowest or high > highest)
    ]
