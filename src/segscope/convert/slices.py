"""Labels as one picture a slice of a DICOM series: which is which, and whether that can be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.convert.pictures import read_mask
from segscope.convert.series import in_order, places_by_name
from segscope.errors import InputError
from segscope.images import Image

_CLEARLY = 0.02
"""By what share of the labelled voxels one order must hit tissue better than the other."""


def stack_slices(
    files: Sequence[Path], series: Path, image: Image, *, turned: bool = False
) -> NDArray[np.integer[Any]]:
    """Make one volume of pictures, on the voxels of their series.

    Pictures that are called as the series' files belong to these. Else both are taken in the order
    of their names, and the labelled voxels must not hit air where the opposite order hits tissue.

    Args:
        files: Pictures, one a slice.
        series: Folder of the series.
        image: As it was read.
        turned: The pictures run the other way than the files of the series.

    Raises:
        InputError: More or fewer pictures than slices, another size, or an order that cannot be.
    """
    places = places_by_name(series, image.grid)
    if len(files) != len(places):
        raise InputError(
            f"{files[0].parent}: holds {len(files)} pictures, {series} has {len(places)} slices; "
            "one is missing or too many"
        )
    by_stem = {file.stem: file for file in files}
    if same := by_stem.keys() == places.keys():
        slices = [places[stem] for stem in by_stem]
        ordered = list(by_stem.values())
    else:
        ordered = in_order(files)
        slices = [places[path.stem] for path in in_order([Path(stem + ".x") for stem in places])]
        slices = slices[::-1] if turned else slices
    whole = np.zeros(image.grid.shape, np.uint16)
    for file, index in zip(ordered, slices, strict=True):
        picture = read_mask(file).array.T  # rows run down, along the series' second axis
        if picture.shape != whole.shape[:2]:
            raise InputError(
                f"{file}: is of {picture.T.shape}, its slice of {whole.shape[1::-1]} pixels"
            )
        whole[..., index] = picture
    if not same:
        _check_order(files[0].parent, whole, image, turned)
    return whole


def _check_order(folder: Path, whole: NDArray[np.uint16], image: Image, turned: bool) -> None:
    """Refuse an order in which labels lie in air, where the opposite one has them in tissue."""
    tissue = image.array[0] > tissue_level(image.array[0])
    count = int(np.count_nonzero(whole))
    if not count:
        return
    own, other = (float((tissue & (way > 0)).sum()) / count for way in (whole, whole[..., ::-1]))
    if other > own + _CLEARLY:
        raise InputError(
            f"{folder}: {own:.0%} of the labelled voxels lie in tissue, and {other:.0%} where the "
            "pictures run the other way; look at both, and say --set "
            f"reversed={str(not turned).lower()} if that is right"
        )


def tissue_level(array: NDArray[Any]) -> float:
    """Grey level between air and tissue: the one that parts the histogram best (Otsu 1979).

    Example:
        >>> 1 < tissue_level(np.array([0.0, 1.0, 0.0, 9.0, 10.0])) < 9
        True
    """
    counts, edges = np.histogram(array, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[int(np.nanargmax(between)) + 1])
