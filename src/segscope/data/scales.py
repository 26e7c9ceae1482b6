"""Cases whose values are of another unit than the others': a thousand times larger, or smaller.

Units of MRI are arbitrary, and a dataset may hold several groups of them, decades apart. A case is
named where one of these tells it from all others; scales are decimal logarithms of contrasts:

apart       a tenth of the cases at most (or one), beyond a gap that is wider than the range of the
            others: of n cases that is taken as 1 + 10 / n times what it is
alone       the next case is a decade away, five times as far as any other case's next one is
subject     another case of its subject is a decade away, three times as far as those of any other
            subject are from one another
group       the cases of the nearest group lie close together, and it is beyond all of them (4.5
            standard deviations, robustly, and a factor of 2)
step        all values are multiples of one number, which is thirty times the others'
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segscope.data.fingerprint import CaseFacts

Numbers = NDArray[np.float64]

_SHARE, _FEW = 10, 10.0
_FACTOR, _DECADE = float(np.log10(4)), 1.0
_NEXT, _SUBJECT = 5.0, 3.0  # times as far as for any other
_BETWEEN_GROUPS, _SMALLEST_GROUP = 0.5, 12
_DEVIATIONS, _TWICE = 4.5, float(np.log10(2))
_GAPS = 20  # the widest, beside which such a case lies
_NORMAL = 1.4826  # standard deviations per median deviation
_STEP, _COARSER, _VALUES, _OTHERS = 100, 30, 10, 3
_FIRST = 256  # values


def odd_scales(
    scales: Numbers, facts: Sequence[CaseFacts], channel: int, subjects: Sequence[str | None]
) -> list[str]:
    """Say of each case how its scale is unlike the others'; empty where it is not.

    Args:
        scales: Decimal logarithms of contrasts, of at least five cases.
        facts: Of the same cases.
        channel: Number of the channel.
        subjects: Of the same cases; None where it is not known.
    """
    said = [""] * len(scales)
    for k in np.flatnonzero(apart(scales, _FACTOR)).tolist():
        said[k] = times(scales[k] - float(np.median(np.delete(scales, k))), "the other cases")
    for k, other in beside_subject(scales, subjects).items():
        said[k] = said[k] or times(scales[k] - scales[other], f"{facts[other].name} of its subject")
    for k, step in coarse_steps([fact.samples[channel] for fact in facts]).items():
        said[k] = said[k] or f"holds multiples of {step} alone, as no other case does"
    # a case that was named joins no groups
    left = [k for k, text in enumerate(said) if not text]
    for place in (alone(scales[left]), out_of_group(scales[left])):
        if place is None:
            continue
        k = left[place]
        others = np.delete(scales, k)
        off = scales[k] - others[np.abs(others - scales[k]).argmin()]
        said[k] = f"{times(off, 'the next case')}, as none of the others"
    return said


def times(difference: float, whom: str) -> str:
    """Put a difference of logarithms into words.

    Example:
        >>> times(-3.0, "the other cases")
        'has values about 1000 times smaller than the other cases'
    """
    word = "larger" if difference > 0 else "smaller"
    factor = float(f"{10 ** abs(difference):.2g}")
    return f"has values about {factor:g} times {word} than {whom}"


def apart(values: Numbers, least: float) -> NDArray[np.bool_]:
    """Which values, a tenth or one, lie beyond a gap that is wider than the others' range.

    Example:
        >>> apart(np.array([0.0, 0.1, 0.2, 0.1, 3.0]), 0.6).tolist()
        [False, False, False, False, True]
    """
    n = len(values)
    order = np.argsort(values)
    ordered = values[order]
    odd = np.zeros(n, np.bool_)
    for count in range(1, max(1, n // _SHARE) + 1):
        for few, rest, gap in (
            (order[:count], ordered[count:], ordered[count] - ordered[count - 1]),
            (order[-count:], ordered[:-count], ordered[-count] - ordered[-count - 1]),
        ):
            if gap > max(least, float(np.ptp(rest)) * (1 + _FEW / len(rest))):
                odd[few] = True
    return odd


def alone(scales: Numbers) -> int | None:
    """Which case is far from its next one, where no other is.

    Example:
        >>> alone(np.array([*np.arange(0.0, 1.0, 0.1), 2.5, 4.0, 4.1]))
        10
    """
    if len(scales) < _SMALLEST_GROUP:
        return None
    steps = _next(scales)
    k = int(steps.argmax())
    others = _next(np.delete(scales, k))
    return k if steps[k] >= max(_DECADE, _NEXT * float(others.max())) else None


def out_of_group(scales: Numbers) -> int | None:
    """Which case is beyond all others of the nearest group, where a dataset has groups of units."""
    if len(scales) < _SMALLEST_GROUP:
        return None
    order = np.argsort(scales)
    ordered, steps = scales[order], _next(scales)
    gaps = np.argsort(np.diff(ordered))[-_GAPS:]
    places = {0, len(order) - 1, *gaps.tolist(), *(gaps + 1).tolist()}
    odd = [order[place] for place in places if _beyond(ordered[place], np.delete(ordered, place))]
    # a case between two groups joins them for others: the one that is farthest from its next one
    return int(max(odd, key=lambda k: steps[k])) if odd else None


def _beyond(one: float, others: Numbers) -> bool:
    """Whether a case is beyond its nearest group; the others are in rising order."""
    groups = np.split(others, np.flatnonzero(np.diff(others) > _BETWEEN_GROUPS) + 1)
    large = [group for group in groups if len(group) >= _SMALLEST_GROUP]
    nearest = min(groups, key=lambda group: np.abs(group - one).min())
    if len(large) < 2 or len(nearest) < _SMALLEST_GROUP or nearest[0] <= one <= nearest[-1]:
        return False
    middle = float(np.median(nearest))
    usual = _NORMAL * float(np.median(np.abs(nearest - middle)))
    return abs(one - middle) > max(_TWICE, _DEVIATIONS * usual)


def _next(scales: Numbers) -> Numbers:
    """How far each case's next one is."""
    order = np.argsort(scales)
    gaps = np.diff(scales[order])
    found = np.empty(len(scales))
    found[order] = np.minimum(np.append(gaps, np.inf), np.append(np.inf, gaps))
    return found


def beside_subject(scales: Numbers, subjects: Sequence[str | None]) -> dict[int, int]:
    """Which case is unlike another one of its subject: that case, and the other."""
    members: dict[str, list[int]] = defaultdict(list)
    for k, subject in enumerate(subjects):
        if subject is not None:
            members[subject].append(k)
    several = [np.array(of) for of in members.values() if len(of) > 1]
    spans = np.array([np.ptp(scales[of]) for of in several])
    found: dict[int, int] = {}
    for n, of in enumerate(several):
        others = np.delete(spans, n)
        if len(others) >= _OTHERS and spans[n] >= max(_DECADE, _SUBJECT * float(others.max())):
            k = _odd_one(scales, of)
            rest = of[of != k]
            found[k] = int(rest[np.abs(scales[rest] - scales[k]).argmax()])
    return found


def _odd_one(scales: Numbers, of: NDArray[np.intp]) -> int:
    """The case of a subject that is farthest from its others; of two, from all cases."""
    if len(of) > 2:
        return int(of[np.abs(scales[of] - np.median(scales[of])).argmax()])
    nearest = [np.abs(np.delete(scales, of) - scales[k]).min() for k in of]
    return int(of[int(np.argmax(nearest))])


def coarse_steps(samples: Sequence[Numbers]) -> dict[int, int]:
    """Which samples are multiples of a number that is far larger than the others'."""
    steps = np.array([whole_step(sample) for sample in samples])
    found = {}
    for k in np.flatnonzero(steps >= _STEP):
        others = np.delete(steps, k)
        others = others[others > 0]
        if len(others) >= _OTHERS and steps[k] >= _COARSER * others.max():
            found[int(k)] = int(steps[k])
    return found


def whole_step(sample: Numbers) -> int:
    """The greatest number that all values are multiples of; 0 where that says nothing.

    Example:
        >>> whole_step(np.arange(20) * 6.0), whole_step(np.arange(20) * 0.5)
        (6, 0)
    """
    # most are told by their first values: sorting all would take as long as the rest of a check
    if len(sample) < _VALUES or (sample[:_FIRST] % 1).any() or (sample % 1).any():
        return 0
    if np.abs(sample).max() > 2**53:
        return 0
    step = int(np.gcd.reduce(sample.astype(np.int64)))
    return step if step < _STEP or len(np.unique(sample)) >= _VALUES else 0
