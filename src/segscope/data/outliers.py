"""Cases whose intensities are unlike the others': wrong scale, offset, inverted, another modality.

Each channel is looked at by numbers that do not depend on one another's unit:

scale          decimal logarithm of the distance from the 0.5th to the 99.5th percentile (`scales`)
level          the 0.5th percentile, in units of that distance
distribution   where five percentiles lie between these, how far the extremes reach beyond, and
               where the median of the foreground lies

A few cases (a tenth at most, or one) are named where a gap parts them from all others that is wider
than the range of the others, and than a least effect: no deviation is odd in a dataset that is full
of them, such as MRI in units of all sizes. Of n cases the range is taken as 1 + 10 / n times what
it is. Of fewer than five only scale and level are looked at, and a factor of 100 between scales
said, or levels that are 1.5 apart; where as many lie on one side as on the other, all are named.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segscope.data.fingerprint import CaseFacts
from segscope.data.scales import apart, odd_scales, times

_FEWEST_CASES = 5
_FEW = 10.0
_FEW_SCALE, _FEW_LEVEL = 2.0, 1.5  # decades, and ranges of values
_LEVEL_LEAST = 0.5
_FLOORS = np.array([0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.1])
_OTHER, _INVERTED, _FITS = 2.0, 2.0, 0.5  # in ranges of the other cases
_TURNED = "looks inverted (bright and dark are exchanged) beside the other cases"
_UNLIKE = "has another distribution of intensities than the other cases (another modality?)"
# the numbers of an inverted image: extremes exchanged, the rest counted from the other end
_MIRROR = [6, 5, 4, 3, 2, 1, 0, 7]
_TURN = np.array([1.0, -1, -1, -1, -1, -1, 1, -1])
_SHIFT = np.array([0.0, 1, 1, 1, 1, 1, 0, 1])


def unlike(
    name: str, facts: Sequence[CaseFacts], channel: int, subjects: Mapping[str, str | None]
) -> Iterator[tuple[str, str]]:
    """Name the cases that one channel is odd in, and in what.

    Args:
        name: Of the channel.
        facts: Of all labelled cases.
        channel: Its number.
        subjects: Case name to who was examined, where that is known.

    Yields:
        Name of a case, and a sentence about its image.
    """
    known = [fact for fact in facts if fact.image.channels[channel].contrast > 0]
    values = [fact.image.channels[channel] for fact in known]
    scales = np.log10([value.contrast for value in values])
    levels = np.array([value.low / value.contrast for value in values])
    shapes = np.array([_shape(fact, channel) for fact in known])
    few = len(known) < _FEWEST_CASES
    odd_level = _halves(levels, _FEW_LEVEL) if few else apart(levels, _LEVEL_LEAST)
    if few:
        odd_scale, judgements = _of_few(scales), [""] * len(known)
    else:
        persons = [subjects.get(fact.name) for fact in known]
        odd_scale, judgements = odd_scales(scales, known, channel, persons), _judged(shapes)
    for k, (fact, value, judged) in enumerate(zip(known, values, judgements, strict=True)):
        range_ = f"{value.low:.4g} to {value.high:.4g}"
        if judged == _TURNED:
            said = judged
        elif odd_scale[k]:
            said = f"{odd_scale[k]} ({range_})"
        elif odd_level[k]:
            others = float(np.median([v.low for i, v in enumerate(values) if i != k]))
            said = f"has another offset than the others ({range_}; they begin at {others:.4g})"
        else:
            said = judged
        if said:
            yield fact.name, f"channel {name} {said}"


def _of_few(scales: NDArray[np.float64]) -> list[str]:
    return [
        times(scales[k] - float(np.median(np.delete(scales, k))), "the other cases") if odd else ""
        for k, odd in enumerate(_halves(scales, _FEW_SCALE))
    ]


def _halves(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which of a few values lie beyond their widest gap: the fewer, or all where none are."""
    odd = np.zeros(len(values), np.bool_)
    order = np.argsort(values)
    gaps = np.diff(values[order])
    if gaps.size and gaps.max() > least:
        widest = int(gaps.argmax()) + 1
        low, high = order[:widest], order[widest:]
        odd[low if len(low) < len(high) else high if len(high) < len(low) else order] = True
    return odd


def _shape(fact: CaseFacts, channel: int) -> NDArray[np.float64]:
    value = fact.image.channels[channel]
    marks = (np.array(value.percentiles[1:-1]) - value.low) / value.contrast
    tails = np.array([value.low - value.lowest, value.highest - value.high]) / value.contrast
    inside = fact.samples[channel]
    # without foreground: where it usually is, in the middle of everything
    middle = (np.median(inside) - value.low) / value.contrast if inside.size else marks[2]
    return np.array([np.log2(1 + tails[0]), *marks, np.log2(1 + tails[1]), middle])


def _judged(shapes: NDArray[np.float64]) -> list[str]:
    """Say of each case whether its distribution is unlike that of all others."""
    ordered = np.sort(shapes, axis=0)
    # the range of the others: without a case's own value where that is an end of it
    low = np.where(shapes == ordered[0], ordered[1], ordered[0])
    high = np.where(shapes == ordered[-1], ordered[-2], ordered[-1])
    spread = np.maximum(high - low, _FLOORS) * (1 + _FEW / (len(shapes) - 1))

    def beyond(values: NDArray[np.float64]) -> NDArray[np.float64]:
        off = np.maximum(np.maximum(low - values, values - high), 0) / spread
        return cast(NDArray[np.float64], off.max(axis=1))

    off, turned = beyond(shapes), beyond(shapes[:, _MIRROR] * _TURN + _SHIFT)
    return [
        _TURNED if far > _INVERTED and fits < _FITS else _UNLIKE if far > _OTHER else ""
        for far, fits in zip(off, turned, strict=True)
    ]
