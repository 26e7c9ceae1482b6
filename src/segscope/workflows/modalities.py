"""Does a network that is shown the mask alone answer alike whatever the intensities?

With the same mask it does, to the bit: it never sees the image. What may differ is the mask that
is made from another-looking image; so each image is changed, its mask made anew, and both compared.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data import ReadOptions, load_case
from segscope.errors import InputError
from segscope.images import Case, Image
from segscope.inference import TrainedModel, predict_labels
from segscope.metrics import count_agreement, overlap_scores
from segscope.preprocessing.crop import border_value
from segscope.priors import GlobalMask, MaskSource

Change = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class ModalityRow:
    """One changed image against the image as it is.

    Args:
        case: Its name.
        change: What was done.
        mask_dice: Between the two masks.
        dice: Between the two predictions, all labels together.
        same_mask_same_bits: Whether the prediction from the first mask is the same again.
    """

    case: str
    change: str
    mask_dice: float
    dice: float
    same_mask_same_bits: bool


def inverted(channel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bright becomes dark.

    Example:
        >>> inverted(np.array([0.0, 1.0, 4.0])).tolist()
        [4.0, 3.0, 0.0]
    """
    return np.asarray(channel.max() + channel.min() - channel)


def biased(channel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half as bright at one end of the first axis as at the other, as near a coil.

    Example:
        >>> biased(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 0.0]])).tolist()
        [[0.0, 0.0], [1.5, 0.0], [2.0, 0.0]]
    """
    ramp = np.linspace(0.5, 1.0, len(channel)).reshape(-1, *(1,) * (channel.ndim - 1))
    surround = border_value(channel)
    return np.asarray(surround + (channel - surround) * ramp)


def bent(channel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square the intensities between the lowest and the highest.

    Example:
        >>> bent(np.array([0.0, 1.0, 2.0])).tolist()
        [0.0, 0.5, 2.0]
    """
    low, span = channel.min(), max(float(np.ptp(channel)), 1e-12)
    return np.asarray(low + ((channel - low) / span) ** 2 * span)


CHANGES: dict[str, Change] = {"inverted": inverted, "bias field": biased, "gamma 2": bent}


def check_modalities(
    model: TrainedModel, source: MaskSource, cases: Sequence[Case], *, reading: ReadOptions
) -> list[ModalityRow]:
    """Compare predictions from changed images, and from the cases' other channels.

    Args:
        model: Of a network that is shown the mask alone.
        source: Of the masks.
        cases: Images.
        reading: What may be changed when they are read.

    Raises:
        InputError: The network is shown the image too; masks come from labels or files.
    """
    plan = source.plan
    if model.spec.inputs != "gbm":
        raise InputError(
            f"the network is shown {model.spec.inputs}; this check is for the mask alone"
        )
    if plan.method not in ("threshold", "network"):
        raise InputError(f"the masks do not come from images but from {plan.method}")
    return [row for case in cases for row in _rows(model, source, case, reading)]


def _rows(
    model: TrainedModel, source: MaskSource, case: Case, reading: ReadOptions
) -> Iterator[ModalityRow]:
    plan = source.plan
    image = load_case(
        Case(case.name, case.image_files), channels=len(plan.image_channels), reading=reading
    ).image
    made = source.make(case, image, reading)
    mask, shown = made.mask, _shown(source, made)
    first, again = (predict_labels(model, shown).array for _ in range(2))
    for name, array in _changed(image, plan.channel).items():
        remade = source.make(case, Image(array, image.grid), reading)
        other, found = remade.mask, predict_labels(model, _shown(source, remade)).array
        yield ModalityRow(
            case.name,
            name,
            mask_dice=_dice(mask.array, other.array),
            dice=_dice(first, found),
            same_mask_same_bits=bool(np.array_equal(first, again)),
        )


def _shown(source: MaskSource, made: GlobalMask) -> Image:
    frame = source.frame(made.transform)
    return Image(made.mask.array[None], made.mask.grid, frame=frame)


def _changed(image: Image, channel: int) -> dict[str, NDArray[np.float64]]:
    array = image.array.astype(np.float64)
    found = {}
    for name, change in CHANGES.items():
        found[name] = array.copy()
        found[name][channel] = change(array[channel])
    for k in range(len(array)):
        if k != channel:
            found[f"channel {k}"] = array.copy()
            found[f"channel {k}"][channel] = array[k]
    return found


def _dice(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Dice over all labels but background; 1 where both hold nothing."""
    labels = sorted({*np.unique(first), *np.unique(second)} - {0}) or [1]
    counts = count_agreement(
        np.stack([first == label for label in labels]),
        np.stack([second == label for label in labels]),
    )
    return overlap_scores(counts, empty="one")["dice"]
