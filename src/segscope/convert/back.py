"""The way back: labels in the values that a download has, by the layout that reads it."""

from collections.abc import Mapping

from segscope.convert.layout import Layout
from segscope.convert.values import Values
from segscope.errors import InputError

_HIGHEST = 65535


def values_back(layout: Layout, labels: Mapping[str, int]) -> dict[int, int]:
    """Which value a dataset's labels have in a layout's sources: BraTS' enhancing tumour 4, not 3.

    Args:
        layout: Of the challenge.
        labels: Name to value, as the dataset and its networks have them.

    Raises:
        InputError: A label that the layout does not name, or gives no single value.

    Example:
        >>> from segscope.convert import read_layout
        >>> values_back(read_layout("brats2020"), {"background": 0, "enhancing_tumour": 3})
        {0: 0, 3: 4}
    """
    found, faults = {0: 0}, []
    known = [name for name in layout.labels if name != "background"]
    for name, value in labels.items():
        if value == 0:
            continue
        written = layout.writes.get(name) or _single(layout.labels.get(name))
        if written is not None and 0 < written <= _HIGHEST:
            found[value] = written
        elif name in known:
            faults.append(f"{name} stands for a range of values there; say which in writes")
        else:
            faults.append(f"{name} is none of its labels ({', '.join(known) or 'it names none'})")
    if faults:
        raise InputError(f"layout {layout.name}: its values cannot be written:", faults)
    return found


def _single(values: Values | None) -> int | None:
    """The value that is meant: the first of those that are named one by one."""
    if values is None or not values.ranges or values.ranges[0][0] != values.ranges[0][1]:
        return None
    return values.ranges[0][0]
