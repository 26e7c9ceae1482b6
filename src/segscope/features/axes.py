"""What each axis of a tensor stands for: carried from the image through a network's operations.

Shapes alone do not tell ``(N, C, T)`` from ``(N, T, C)``. The axes of the image are known, and each
operation says what becomes of them: a convolution makes channels on axis 1, a product with weights
makes them on the last, a permutation moves them. An axis is written as digits of a number, so that
windows that are cut out by a view and put together by another are whole again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor

Label = str | int
"""``n`` batch, ``c`` channels, a number: that axis of the image; ``?`` unknown; ``x`` mixed up."""
Digit = tuple[Label, int, int]
"""Of which axis, how many values, and what one step is worth in that axis."""
Axis = tuple[Digit, ...]
Axes = tuple[Axis, ...]

_UNKNOWN, _MIXED = "?", "x"
_SLACK = 2  # pixels that rounding may cost a side


@dataclass(frozen=True)
class Call:
    """An operation that has run.

    Args:
        args: As given.
        kwargs: As given.
        shape: Of its first result.
        known: What is known of a tensor; None where nothing is.
    """

    args: Sequence[Any]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    known: Callable[[Tensor], Axes | None]

    def argument(self, place: int, name: str, default: Any) -> Any:
        """Take an argument that may be given by place or by name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def axes_of(self, x: Tensor) -> Axes:
        """Axes of a tensor, unknown ones too."""
        return self.known(x) or unknown_axes(tuple(x.shape))

    def axes(self, place: int = 0) -> Axes:
        """Axes of the tensor in this place."""
        return self.axes_of(self.args[place])


_remember = lru_cache(maxsize=4096)  # networks do the same again and again


def image_axes(shape: tuple[int, ...]) -> Axes:
    """Axes of an image ``(N, C, *S)``.

    Example:
        >>> labels(image_axes((1, 3, 8, 8)))
        ('n', 'c', 0, 1)
    """
    names: list[Label] = ["n", "c", *range(len(shape) - 2)]
    return tuple(_whole(name, size) for name, size in zip(names, shape, strict=True))


@_remember
def sizes(axes: Axes) -> tuple[int, ...]:
    """Shape of a tensor with these axes."""
    return tuple(_size(axis) for axis in axes)


@_remember
def unknown_axes(shape: tuple[int, ...]) -> Axes:
    """Axes of which nothing is known."""
    return tuple(_whole(_UNKNOWN, size) for size in shape)


@_remember
def labels(axes: Axes) -> tuple[Label, ...]:
    """Say what each axis stands for, as far as it is known.

    Example:
        >>> windows = viewed(image_axes((2, 3, 8)), (2, 3, 4, 2))
        >>> labels(windows), labels(viewed(windows, (2, 3, 8)))
        (('n', 'c', 0, '?'), ('n', 'c', 0))
    """
    tops: dict[int, tuple[int, int]] = {}
    for place, axis in enumerate(axes):
        for label, _, weight in axis:
            if isinstance(label, int) and weight > tops.get(label, (0, 0))[0]:
                tops[label] = (weight, place)
    return tuple(
        _label(axis, [label for label, (_, at) in tops.items() if at == place])
        for place, axis in enumerate(axes)
    )


@_remember
def reading_order(axes: Axes, image: tuple[int, ...]) -> tuple[int, ...] | None:
    """Tell in which order a tensor's axes are ``(N, C, *s)``, or None where that is not certain.

    Args:
        axes: Of the tensor; as many as the image has.
        image: Shape of the image ``(N, C, *S)``.

    Example:
        >>> reading_order(permuted(image_axes((1, 3, 8, 8)), (0, 2, 3, 1)), (1, 3, 8, 8))
        (0, 3, 1, 2)
    """
    shape = sizes(axes)
    found = list(labels(axes))
    if "n" not in found and found[0] == _UNKNOWN and shape[0] == image[0]:
        found[0] = "n"
    sides = [*range(len(image) - 2)]
    if found.count(_UNKNOWN) == 1 and all(side in found for side in ("n", *sides)):
        found[found.index(_UNKNOWN)] = "c"  # all the others are known
    if found.count("n") != 1 or _MIXED in found or _places_by_places(axes):
        return None
    if found.count("c") != 1:
        return _by_shape(found, shape, image)
    n, c = found.index("n"), found.index("c")
    rest = [place for place in range(len(found)) if place not in (n, c)]
    if (n, c) == (0, 1) and all(found[p] in (_UNKNOWN, p - 2) for p in rest):
        return tuple(range(len(found)))
    missing = [side for side in sides if side not in found]
    open_places = [place for place in rest if found[place] == _UNKNOWN]
    if len(open_places) == len(missing) == 1:
        found[open_places[0]] = missing[0]
    if any(side not in found for side in sides):
        return None
    return (n, c, *(found.index(side) for side in sides))


def fits(sides: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether sides are the image's made smaller, or larger: the same for all.

    Example:
        >>> fits((7, 7), (224, 224)), fits((7, 768), (224, 224))
        (True, False)
    """
    ratios = [side / full for side, full in zip(sides, whole, strict=True)]
    return max(ratios) - min(ratios) <= _SLACK / min(whole)


@_remember
def permuted(axes: Axes, order: tuple[int, ...]) -> Axes:
    """Axes after a permutation."""
    return tuple(axes[place] for place in order)


@_remember
def viewed(axes: Axes, shape: tuple[int, ...]) -> Axes:
    """Axes after a view: digits are dealt out anew, and split where that goes up."""
    before = sizes(axes)
    if before == shape:
        return axes
    digits = [digit for axis in axes for digit in axis if digit[1] > 1]
    found: list[Axis] = []
    for place, size in enumerate(shape):
        if size < 2:
            same = place < len(before) and before[place] == size
            found.append(axes[place] if same else _whole(_UNKNOWN, size))
            continue
        axis = _deal(digits, size)
        if axis is None:
            return unknown_axes(shape)
        found.append(axis)
    return tuple(found)


@_remember
def resized(axes: Axes, shape: tuple[int, ...]) -> Axes:
    """Axes whose sizes have changed in place, as by pooling, padding and slicing.

    One step is worth what it was: windows of what was padded come back to the rows they are of.
    """
    names = labels(axes)
    return tuple(
        axis
        if _size(axis) == size
        else ((_UNKNOWN if name == _MIXED else name, size, axis[-1][2]),)
        for axis, name, size in zip(axes, names, shape, strict=True)
    )


@_remember
def joined(known: tuple[Axes, ...], shape: tuple[int, ...]) -> Axes:
    """Axes of a result of several tensors that are broadcast."""
    return tuple(_join([k[p - len(shape)] for k in known if len(k) >= len(shape) - p], size)
                 for p, size in enumerate(shape))  # fmt: skip


def named(axes: Axes, place: int) -> Axes:
    """Take an unknown axis for channels, where no other is."""
    names = labels(axes)
    if "c" in names or names[place] != _UNKNOWN:
        return axes
    place %= len(axes)
    return (*axes[:place], _whole("c", _size(axes[place])), *axes[place + 1 :])


@_remember
def convolved(axes: Axes, shape: tuple[int, ...]) -> Axes:
    """Axes after a convolution: channels on axis 1, unless it has run over channels."""
    names = labels(axes)
    kept = [_UNKNOWN if name == _MIXED else name for name in names]
    kept[1] = _MIXED if "c" in names[2:] else "c"
    first = axes[0] if _size(axes[0]) == shape[0] else _whole(_UNKNOWN, shape[0])
    return (first, *(_whole(name, n) for name, n in zip(kept[1:], shape[1:], strict=True)))


@_remember
def multiplied(left: Axes, right: Axes, shape: tuple[int, ...]) -> Axes:
    """Axes of a matrix product ``(..., i, k) (..., k, j)``."""
    names, others = labels(left), labels(right)
    weights = all(name == _UNKNOWN for name in others)
    if weights and any(name != _UNKNOWN for name in names):
        over = names[-1]
        within = {digit[0] for axis in left[:-1] for digit in axis}
        # over places of the image it makes no channels but mixes the places
        channels = over == "c" or (over == _UNKNOWN and "c" not in within)
        last = _whole("c" if channels else _MIXED, shape[-1])
    elif names[-1] == "c" and left[-2] == right[-1] and left[-2][0][0] == _UNKNOWN:
        last = _whole(_MIXED, shape[-1])  # how alike any two tokens are
    else:
        last = right[-1]
    batch = joined((left[:-2], right[:-2]), shape[:-2])
    return (*batch, left[-2], last)


@_remember
def concatenated(parts: tuple[Axes, ...], place: int, shape: tuple[int, ...]) -> Axes:
    """Axes after concatenation; places of the image with anything beside are mixed up."""
    place %= len(shape)
    names = {labels(part)[place] for part in parts}
    named_ones = names - {_UNKNOWN}
    name = named_ones.pop() if len(named_ones) == 1 else _MIXED if named_ones else _UNKNOWN
    along = _whole(_MIXED if isinstance(name, int) else name, shape[place])
    rest = tuple((*part[:place], *part[place + 1 :]) for part in parts)
    others = joined(rest, (*shape[:place], *shape[place + 1 :]))
    return (*others[:place], along, *others[place:])


def _places_by_places(axes: Axes) -> bool:
    """Whether two axes go through the same places, as weights of attention do."""
    steps = [{d[::2] for d in axis if isinstance(d[0], int) and d[1] > 1} for axis in axes]
    return sum(map(len, steps)) > len(set().union(*steps))


def _whole(label: Label, size: int) -> Axis:
    return ((label, size, 1),)


def _size(axis: Axis) -> int:
    return math.prod(size for _, size, _ in axis)


def _label(axis: Axis, owned: Sequence[int]) -> Label:
    """Name an axis that holds the leading digits of ``owned``."""
    kinds = {label for label, _, _ in axis}
    if len(kinds) == 1:
        kind = next(iter(kinds))
        if not isinstance(kind, int):
            return kind
        weights = [weight for _, _, weight in axis]
        if weights != sorted(weights, reverse=True):
            return _MIXED
        return kind if owned else _UNKNOWN
    if _MIXED in kinds:
        return _MIXED
    if "n" not in kinds and len(owned) == 1 and axis[0][0] == owned[0]:
        return owned[0]
    return "c" if "c" in kinds and "n" not in kinds and not owned else _UNKNOWN


def _deal(digits: list[Digit], size: int) -> Axis | None:
    """Take digits from the front until they make up an axis."""
    axis: list[Digit] = []
    while size > 1:
        if not digits:
            return None
        label, values, weight = digits.pop(0)
        if values > size:
            if values % size:
                return None
            rest = values // size
            digits.insert(0, (label, rest, weight))
            label, values, weight = label, size, weight * rest
        elif size % values:
            return None
        size //= values
        if axis and axis[-1][0] == label and axis[-1][2] == values * weight:
            axis[-1] = (label, axis[-1][1] * values, weight)
        else:
            axis.append((label, values, weight))
    return tuple(axis)


def _join(axes: Sequence[Axis], size: int) -> Axis:
    """What several say of one axis; those that are broadcast along it say nothing."""
    known = {a for a in axes if _size(a) == size and any(d[0] != _UNKNOWN for d in a)}
    if not known:
        return _whole(_UNKNOWN, size)
    return known.pop() if len(known) == 1 else _whole(_MIXED, size)


def _by_shape(
    found: Sequence[Label], shape: Sequence[int], image: Sequence[int]
) -> tuple[int, ...] | None:
    """Decide by the sides where nothing says which axis holds channels."""
    if "c" in found or any(name not in (_UNKNOWN, p - 2) for p, name in enumerate(found) if p):
        return None
    first = fits(shape[2:], image[2:])
    last = fits(shape[1:-1], image[2:])
    return tuple(range(len(shape))) if first and not last else None
