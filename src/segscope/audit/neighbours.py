"""Would another preparation suit a network far better? Tried on a few cases with truth.

Whoever names a preparation may be wrong: values in 0..255 where 0..1 were trained on, channels or
axes in another order. Each neighbour changes one of these; where one is far better, that is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor, nn

from segscope.audit.cases import Opened
from segscope.audit.named_preparation import Named
from segscope.audit.subject import Subject, open_loaded, open_subject
from segscope.data import AS_STORED, LoadedCase, ReadOptions
from segscope.features import to_labels
from segscope.images import Case

_CASES = 3
_FAR = 0.1
_NAMED = "as named"


@dataclass(frozen=True)
class Neighbour:
    """Another preparation and the mean Dice of the output under it."""

    name: str
    dice: float


def try_neighbours(
    model: nn.Module,
    named: Named,
    cases: Sequence[Case],
    *,
    reading: ReadOptions = AS_STORED,
    keep: Callable[[Opened], None] = lambda _: None,
) -> tuple[Neighbour, ...]:
    """Measure the network's Dice under the named preparation and under its neighbours.

    Args:
        model: Any network.
        named: What the user named; it is the first of the result, and called ``as named``.
        cases: The first three with truth are used; without any the result is empty.
        reading: What may be changed when cases are read; each is read once.
        keep: Receives each case as the named preparation has it.

    Raises:
        InputError: A case cannot be read.
        ValueError: What comes out is no segmentation.
    """
    chosen = [case for case in cases if case.label_file is not None][:_CASES]
    if not chosen:
        return ()
    others = _others(named)
    dice: dict[str, list[float]] = {name: [] for name in others}
    for case in chosen:
        loaded = named.preparation.read(case, reading)
        for name in list(dice):
            try:
                opened, value = _tried(model, name, others[name], loaded)
            except ValueError:  # such values make no segmentation: no rival of what was named
                if name == _NAMED:
                    raise
                del dice[name]
                continue
            dice[name].append(value)
            if name == _NAMED:
                keep(opened)
    return tuple(Neighbour(name, fmean(values)) for name, values in dice.items())


def far_better(tried: Sequence[Neighbour]) -> Neighbour | None:
    """The best neighbour, where it is better than what was named by more than 0.1.

    Example:
        >>> far_better([Neighbour("as named", 0.3), Neighbour("values / 255", 0.7)]).name
        'values / 255'
    """
    if not tried:
        return None
    best = max(tried, key=lambda one: one.dice)
    return best if best.dice > tried[0].dice + _FAR else None


def _tried(model: nn.Module, name: str, other: Named, loaded: LoadedCase) -> tuple[Opened, float]:
    with open_subject(model, output=other.output, preparation=other.preparation) as subject:
        opened = open_loaded(other.preparation, loaded)
        return opened, _dice(subject, _changed(name, opened))


def _others(named: Named) -> dict[str, Named]:
    known = named.preparation
    channels = named.plan.channels
    others = {_NAMED: named}
    axes = replace(known, axes="xyz" if known.axes == "zyx" else "zyx",
                   patch=_reverse(known.patch), multiple=_reverse(known.multiple))  # fmt: skip
    others["axes in reverse"] = replace(named, preparation=axes)
    for name, scheme in (("values as stored", "none"), ("z-scores of each image", "zscore")):
        wanted = tuple({"name": channel.name, "scheme": scheme} for channel in channels)
        plan = type(named.plan).model_validate({**named.plan.model_dump(), "channels": wanted})
        if plan != named.plan:
            others[name] = replace(named, preparation=replace(known, plan=plan))
    stored = others.get("values as stored", named)
    others["stored values / 255"] = stored
    others["each image to 0..1"] = stored
    if len(channels) > 1:
        others["channels in reverse"] = named
    return others


def _reverse(sides: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if sides is None else sides[::-1]


def _changed(name: str, case: Opened) -> Opened:
    image = case.image
    if name == "stored values / 255":
        image = image / 255
    elif name == "each image to 0..1":
        low, high = image.amin(), image.amax()
        image = (image - low) / (high - low).clamp(min=1e-12)
    elif name == "channels in reverse":
        image = image.flip(0)
    return replace(case, image=image)


def _dice(subject: Subject, case: Opened) -> float:
    """Mean Dice over the classes but the background that truth or output hold."""
    pieces = subject.pieces(case)
    with torch.inference_mode():
        parts = [
            to_labels(subject.probabilities(x.to(subject.device))).cpu()
            for x in pieces.image.split(1)
        ]
    assert case.truth is not None  # only such cases are chosen
    found, truth = pieces.joined(torch.cat(parts)).long(), case.truth.long()
    present = {*truth.unique().tolist(), *found.unique().tolist()} - {0}
    values = [_overlap(found == k, truth == k) for k in sorted(present)]
    return fmean(values) if values else 1.0


def _overlap(one: Tensor, other: Tensor) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))
