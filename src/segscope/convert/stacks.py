"""A volume whose slices are cases of their own, each of one slice at its place."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segscope.convert.aim import Aim
from segscope.convert.layout import Layout
from segscope.convert.pictures import read_mask
from segscope.convert.scan import FoundCase
from segscope.convert.values import to_target
from segscope.data import read_image, write_image, write_label
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap


def place_slices(
    case: FoundCase, source: Path, target: Path, aim: Aim, layout: Layout
) -> list[str]:
    """Write every slice of a case's images and label map; return what was changed.

    Args:
        case: Its slices become ``NAME_000``, ``NAME_001`` ...
        source: Folder of its files.
        target: The dataset.
        aim: What that holds.
        layout: Of the source.

    Raises:
        InputError: Image and label are of different sizes, or a value is no label's.
    """
    part = "imagesTs" if case.test else "imagesTr"
    for channel, path in enumerate(case.images):
        image = read_image(source / path)
        for number, grid in _grids(image.grid):
            own = Image(image.array[..., number : number + 1], grid)
            write_image(target / part / f"{case.name}_{number:03d}_{channel:04d}.nii.gz", own)
    for path in case.masks.get("", ()):
        stored = read_mask(source / path)
        if stored.grid.shape != image.grid.shape:
            raise InputError(
                f"{source / path}: is of {stored.grid.shape} voxels, its image of "
                f"{image.grid.shape}"
            )
        array, unknown = to_target(stored.array, aim.labels, layout.ignore)
        if unknown:
            raise InputError(f"{source / path}: holds {unknown[0]}, which no label stands for")
        kept = stored.array.astype(np.uint8) if array is None else array
        for number, grid in _grids(image.grid):  # the image's: labels of pictures have no place
            label = LabelMap(kept[..., number : number + 1], grid)
            write_label(target / "labelsTr" / f"{case.name}_{number:03d}.nii.gz", label)
    return [f"{case.images[0]}: cut into cases of one slice"]


def slices_of(case: FoundCase, target: Path) -> list[FoundCase]:
    """The cases that `place_slices` made of one."""
    folder = target / ("imagesTs" if case.test else "imagesTr")
    name = re.compile(re.escape(case.name) + r"_(\d{3,})_0000\.nii\.gz")
    found = sorted(match[1] for file in folder.iterdir() if (match := name.fullmatch(file.name)))
    return [
        FoundCase(f"{case.name}_{k}", {**case.fields, "slice": str(int(k))}, case.images,
                  case.masks, case.test)
        for k in found
    ]  # fmt: skip


def _grids(grid: Grid) -> Iterator[tuple[int, Grid]]:
    for number in range(grid.shape[2]):
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world([0, 0, number])
        yield number, Grid((*grid.shape[:2], 1), affine)
