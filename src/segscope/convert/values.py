"""Values of labels in a source: numbers and ranges, and the table that turns them into ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLOSE = 1 << 16
_RANGE = re.compile(r"(-?\d+)\s*(?:\.\.|-)\s*(-?\d+)")


@dataclass(frozen=True)
class Values:
    """Whole numbers, as closed ranges.

    Args:
        ranges: Lowest and highest of each.
    """

    ranges: tuple[tuple[int, int], ...]

    def among(self, values: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Which of ``values`` are meant.

        Example:
            >>> Values(((3, 3), (10, 12))).among(np.array([3, 4, 11])).tolist()
            [True, False, True]
        """
        found = np.zeros(values.shape, bool)
        for low, high in self.ranges:
            found |= (values >= low) & (values <= high)
        return found


def parse_values(value: Any) -> Values:
    """Read ``3``, ``[1, 4]``, ``55..70`` or a list of such.

    Raises:
        ValueError: Something else.

    Example:
        >>> parse_values([1, "55..70"]).ranges
        ((1, 1), (55, 70))
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"expected a number, a range as 55..70, or a list, got {value!r}")
    if isinstance(value, int):
        return Values(((value, value),))
    if isinstance(value, str):
        found = _RANGE.fullmatch(value.strip())
        low, high = (int(n) for n in found.groups()) if found else (int(value), int(value))
        if high < low:
            raise ValueError(f"{value!r}: expected lowest..highest")
        return Values(((low, high),))
    if isinstance(value, list | tuple):
        return Values(tuple(pair for one in value for pair in parse_values(one).ranges))
    raise ValueError(f"expected a number, a range as 55..70, or a list, got {value!r}")


def check_apart(labels: Mapping[str, Values]) -> None:
    """Refuse labels that share a value.

    Raises:
        ValueError: With the value and both names.
    """
    taken = sorted((low, high, name) for name, v in labels.items() for low, high in v.ranges)
    for (_, high, one), (low, _, other) in pairwise(taken):
        if low <= high:
            raise ValueError(f"{one} and {other} both stand for {low}")


def to_target(
    array: NDArray[np.integer[Any]], labels: Mapping[str, Values], ignore: Values
) -> tuple[NDArray[np.uint8] | None, list[int]]:
    """Turn a source's values into 0, 1, 2 ...; ``background`` is 0 unless it is named.

    Args:
        array: Label map ``(*S)``.
        labels: Name to values, in the targets' order.
        ignore: Values that become background.

    Returns:
        The label map, or None where nothing changes; and values that nothing stands for.

    Example:
        >>> to_target(np.array([0, 255]), {"lesion": Values(((255, 255),))}, Values(()))[0]
        array([0, 1], dtype=uint8)
    """
    there = values_in(array)
    target = np.zeros(there.shape, np.uint8)
    known = ignore.among(there)
    if "background" in labels:
        known |= labels["background"].among(there)
    else:
        known |= there == 0
    named = [name for name in labels if name != "background"]
    for value, name in enumerate(named, 1):
        meant = labels[name].among(there)
        target[meant] = value
        known |= meant
    unknown = [int(value) for value in there[~known]]
    if unknown or np.array_equal(target, there):
        return None, unknown
    found: NDArray[np.uint8] = target[np.searchsorted(there, array)]
    return found, []


def values_in(array: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Values that an array holds, sorted; by counting where they lie close together.

    Example:
        >>> values_in(np.array([[7, 0], [7, 3]])).tolist()
        [0, 3, 7]
    """
    if not array.size:
        return np.zeros(0, np.int64)
    flat = array.ravel(order="K")  # in the order of memory: no copy
    first = int(flat[0])
    others = flat[flat != first]  # most voxels are background; counting them one by one is slow
    if not others.size:
        return np.array([first], np.int64)
    low, high = int(others.min()), int(others.max())
    if high - low >= _CLOSE:
        return np.unique(flat).astype(np.int64)
    shifted = others if low == 0 else others.astype(np.int64) - low
    return np.union1d(np.flatnonzero(np.bincount(shifted)) + low, [first]).astype(np.int64)
