r"""Active and inert units of the last layer (eqs. 9 to 11 of the segmentation-ability paper).

The output is :math:`B = \sigma(\sum_i w_i x_i + b)` of the last layer's units. Inert units give
next to nothing but a constant, so they can be replaced by their means, which go into the bias:
:math:`B = \sigma(\sum_{i \in N_1} w_i x_i + b_1)`. How many are active is measured: the fewest
units with which Dice falls by no more than is allowed, all others being their means.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segscope.audit.cases import Opened
from segscope.audit.run import audit_subject
from segscope.audit.subject import Subject
from segscope.audit.summary import unit_means
from segscope.data import Dataset
from segscope.explain.ability import ability_from_counts, reference_sizes
from segscope.features import FeatureHooks, map_counts, untouched
from segscope.features.layers import find_layer
from segscope.images import Case
from segscope.inference import TrainedModel

ALLOWED = 0.01
"""Dice that may be lost."""


@dataclass(frozen=True)
class ActiveUnits:
    """What fewer and fewer units of a layer can do.

    Args:
        layer: The last one.
        order: Its units, by agreement with the network's own output, best first: no truth orders.
        dice: With the first k of them, the others their means: k = 1 to all.
        random: The same of a random order.
        dice_whole: Of the network as it is.
        allowed: Loss of Dice that is taken for none.
    """

    layer: str
    order: tuple[int, ...]
    dice: tuple[float, ...]
    random: tuple[float, ...]
    dice_whole: float
    allowed: float = ALLOWED

    @property
    def active(self) -> int:
        """N_1: the fewest units that lose no more than is allowed, nor do any more of them."""
        return fewest(self.dice, self.dice_whole - self.allowed)


def fewest(dice: Sequence[float], least: float) -> int:
    """How many units are needed so that with these, and with any more, Dice is enough.

    Example:
        >>> fewest([0.2, 0.8, 0.5, 0.79, 0.8], 0.78)
        4
    """
    count = len(dice)
    while count > 1 and dice[count - 2] >= least:
        count -= 1
    return count


def active_units(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset, *, seed: int = 0
) -> ActiveUnits:
    """Replace ever more units of the last layer by their means over the cases, and measure Dice.

    Args:
        model: Trained.
        cases: With truth.
        dataset: That they are of.
        seed: Of the random order.
    """
    subject = Subject.of(model, reading=dataset.reading)
    opened = [one for one in map(subject.open, cases) if one.truth is not None]
    found = audit_subject(subject, cases, units="last2")
    number = len(found.cases[0].units) - 1
    layer = found.cases[0].units[number].layer
    agreement = np.nan_to_num(unit_means(found, number, "agreement"))
    order = [int(k) for k in np.argsort(-agreement, kind="stable")]
    means = _means(subject, opened, layer)
    shuffled = [int(k) for k in np.random.default_rng(seed).permutation(len(order))]
    curves = [
        [_dice(subject, opened, layer, chosen[:k], means) for k in range(1, len(order) + 1)]
        for chosen in (order, shuffled)
    ]
    whole = _dice(subject, opened, layer, order, means)
    return ActiveUnits(layer, tuple(order), tuple(curves[0]), tuple(curves[1]), whole)


@contextmanager
def kept_units(subject: Subject, layer: str, kept: Sequence[int], means: Tensor) -> Iterator[None]:
    """Let a layer's other units be their means, within the context."""
    module = find_layer(subject.net, layer)[1]
    gone = torch.ones(len(means), dtype=torch.bool)
    gone[list(kept)] = False

    def replace(_: torch.nn.Module, __: object, output: Tensor) -> Tensor:
        each = (-1, *[1] * (output.ndim - 2))
        constant = means.to(output).view(each).expand_as(output)
        return torch.where(gone.to(output.device).view(each), constant, output)

    handle = module.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _each(subject: Subject, opened: Sequence[Opened], work: Callable[[Tensor], object]) -> None:
    for one in opened:
        for x in subject.pieces(one).image.split(1):
            work(x.to(subject.device))


def _means(subject: Subject, opened: Sequence[Opened], layer: str) -> Tensor:
    sums: list[Tensor] = []

    def note(_: str, features: Tensor) -> None:
        sums.append(features.double().mean((0, *range(2, features.ndim))).cpu())

    with untouched(subject.net), torch.no_grad(), FeatureHooks(subject.net, [layer], note):
        _each(subject, opened, subject.probabilities)
    return torch.stack(sums).mean(0)


def _dice(
    subject: Subject, opened: Sequence[Opened], layer: str, kept: Sequence[int], means: Tensor
) -> float:
    found = []
    with untouched(subject.net), torch.no_grad(), kept_units(subject, layer, kept, means):
        for one in opened:
            pieces = subject.pieces(one)
            parts = [subject.probabilities(x.to(subject.device)).cpu()
                     for x in pieces.image.split(1)]  # fmt: skip
            guide = pieces.joined(torch.cat(parts))[None]
            assert one.truth is not None  # others were left out
            truth = one.truth[None].cpu()
            counts = map_counts(guide, [truth])
            scores = ability_from_counts(
                counts.size, counts.overlap[..., 0], *reference_sizes(truth, guide)
            )
            found.append(float(scores.dice.nanmean()))
    return float(np.nanmean(found))
