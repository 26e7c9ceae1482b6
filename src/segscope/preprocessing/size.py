"""How large an image becomes, known before it does: a wrong unit costs no memory and no time."""

import math
from collections.abc import Sequence

from segscope.errors import InputError
from segscope.images import Grid

_SMALL = 1 << 24  # voxels: 64 MiB as float32
_LARGE = 1 << 28  # 1 GiB
_HUGE = 1 << 31
_GROWN = 8  # twice as fine along each of three axes
_WRONG = 512  # eight times as fine: no dataset is so far from its median


def check_size(grid: Grid, shape: Sequence[int], spacing_mm: Sequence[float]) -> None:
    """Refuse to make an image many times larger than it is.

    Refused is what would have more than 2^31 voxels, what has more than 2^28 and would be more than
    8 times as large, and what has more than 2^24 and would be more than 512 times as large.

    Args:
        grid: Of the image.
        shape: That it would be resampled to.
        spacing_mm: Of the plan.

    Raises:
        InputError: With both spacings. It names no file, as none is known here.

    Example:
        >>> check_size(Grid.from_spacing((20, 22, 14), (1, 1, 3)), (20, 22, 42), (1, 1, 1))
        >>> try:
        ...     check_size(Grid.from_spacing((9, 9, 9), (99, 99, 99)), (891, 891, 594), (1, 1, 1.5))
        ... except InputError as error:
        ...     print(error)  # doctest: +ELLIPSIS
        its spacing 99 x 99 x 99 mm is 99 times the model's 1 x 1 x 1.5 mm: it would become 891 ...
    """
    before, after = math.prod(grid.shape), math.prod(shape)
    if after <= before:
        return  # as large as that the file is, and was read
    if (
        after > _HUGE
        or (after > _LARGE and after > _GROWN * before)
        or (after > _SMALL and after > _WRONG * before)
    ):
        raise InputError(
            f"{_apart(grid, spacing_mm)}: it would become {_x(shape)} voxels "
            f"({4 * after / 2**30:.3g} GiB per channel); check the units in its header"
        )


def shrunk(grid: Grid, shape: Sequence[int], spacing_mm: Sequence[float] | None) -> list[str]:
    """Note where next to nothing is left of an image."""
    if spacing_mm is None or math.prod(grid.shape) < _WRONG * math.prod(shape):
        return []
    return [
        f"{_apart(grid, spacing_mm)}: it becomes {_x(shape)} voxels; check the units in its header"
    ]


def _apart(grid: Grid, spacing_mm: Sequence[float]) -> str:
    ratios = [old / new for old, new in zip(grid.spacing_mm, spacing_mm, strict=True)]
    off = max(ratios, key=lambda ratio: abs(math.log(ratio)))
    times = f"{off:.3g} times" if off >= 1 else f"1/{1 / off:.3g} of"
    return f"its spacing {_x(grid.spacing_mm)} mm is {times} the model's {_x(spacing_mm)} mm"


def _x(numbers: Sequence[float]) -> str:
    return " x ".join(str(n) if isinstance(n, int) else f"{n:.4g}" for n in numbers)
