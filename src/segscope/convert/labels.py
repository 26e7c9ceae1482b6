"""One case's label map, from whatever form a source has it in: unchanged where it is as it must be.

Masks are united, one mask per class is stacked, outlines are drawn, objects with names are painted,
slices are put in their order.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.convert.aim import Aim, ending_of, is_named
from segscope.convert.ddsm import read_overlays
from segscope.convert.dicom_objects import read_objects
from segscope.convert.files import same_bytes
from segscope.convert.lattice import find_placing, placed
from segscope.convert.layout import Layout
from segscope.convert.pictures import read_mask, read_picture
from segscope.convert.polygons import draw
from segscope.convert.scan import FoundCase
from segscope.convert.segments import paint
from segscope.convert.slicer import ENDING, read_segmentation
from segscope.convert.slices import stack_slices
from segscope.convert.tables import objects_of
from segscope.convert.values import to_target
from segscope.data import read_image, read_label, write_label
from segscope.errors import InputError
from segscope.images import Grid, LabelMap

_SIDES_ALIKE = 0.02


def place_label(
    case: FoundCase, source: Path, target: Path, image: Path, aim: Aim, layout: Layout
) -> list[str]:
    """Put a case's label map into ``labelsTr``; return what was changed.

    Args:
        case: With its masks.
        source: Folder that the case's paths start from.
        target: Folder of label maps.
        image: The case's image as it is placed in the dataset: its grid is the label's.
        aim: What the dataset holds.
        layout: How the source is laid out.

    Raises:
        InputError: A mask is not whole, of another place or size, or holds what no label is.
    """
    name = target / f"{case.name}{aim.label_ending}"
    if _is_as_it_must_be(case, source, name, aim, layout):
        return []
    label, notes = _made(case, source, image, aim, layout)
    write_label(name, label, like=_like(case, source, image))
    return notes


def _like(case: FoundCase, source: Path, image: Path) -> Path:
    """The file whose codes and units the label map keeps: its own, where that is an image."""
    files = [path for group in case.masks.values() for path in group]
    own = bool(files) and ending_of_or_none(files[0]) is not None
    return source / files[0] if own and not case.images[0].endswith("/") else image


def ending_of_or_none(path: str) -> str | None:
    """A file's ending in the form that datasets have, None where it is no image."""
    try:
        return ending_of(path)
    except InputError:
        return None


def _is_as_it_must_be(case: FoundCase, source: Path, name: Path, aim: Aim, layout: Layout) -> bool:
    """Place a single map that has the dataset's values already, byte for byte."""
    files = case.masks.get("", ())
    forms = (layout.fill, layout.masks_among, aim.outlines, aim.names, layout.stack == "slices")
    if len(files) != 1 or any(form is not None and form is not False for form in forms):
        return False
    if ending_of_or_none(files[0]) != aim.label_ending or case.images[0].endswith("/"):
        return False
    if _target(source / files[0], aim, layout)[0] is not None:
        return False
    same_bytes(source / files[0], name, link=aim.link)
    return True


def _made(
    case: FoundCase, source: Path, image: Path, aim: Aim, layout: Layout
) -> tuple[LabelMap, list[str]]:
    files = case.masks.get("", ())
    if aim.outlines is not None:
        return _drawn(case, source, aim)
    if aim.names is not None:
        return _painted(case, source, image, aim, layout)
    if "" not in case.masks:
        return _per_class(case, source, aim.classes)
    if layout.stack == "slices":
        return _stacked(case, source, image, aim, layout)
    if files[0].lower().endswith(".ics"):
        grid = read_picture(image).grid
        mask = read_overlays(source / files[0], source / case.images[0], grid.shape)
        return LabelMap(mask.astype(np.uint8), grid), [f"{files[0]}: outlines filled"]
    if layout.masks_among:
        return _among(case, source, image, aim, layout)
    label, notes = _united(files, source, aim, layout)
    if case.images[0].endswith("/"):
        return _on_series(label, notes, files[0], source, read_image(image).grid)
    return label, notes


def _drawn(case: FoundCase, source: Path, aim: Aim) -> tuple[LabelMap, list[str]]:
    path = case.images[0]
    grid = read_picture(source / path).grid
    drawn = (aim.outlines or {})[path.rpartition("/")[2]]
    if unknown := sorted({one.label for one in drawn} - set(aim.classes)):
        raise InputError(f"{path}: an object is called {unknown[0]}, which labels do not name")
    try:
        label, over = draw(drawn, aim.classes, grid.shape)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    said = [f"{path}: outlines drawn"]
    if over:
        said.append(f"{path}: {over} pixels belong to two objects; the later is kept")
    return LabelMap(label, grid), said


def _painted(
    case: FoundCase, source: Path, image: Path, aim: Aim, layout: Layout
) -> tuple[LabelMap, list[str]]:
    """Objects that have names, of all files of the case."""
    grid = read_image(image).grid
    segments = []
    files = [path for group in case.masks.values() for path in group]
    for path in files:
        file = source / path
        if not is_named(file):
            raise InputError(f"{file}: holds no objects with names, as the other masks do")
        if path.lower().endswith(ENDING):
            segments += read_segmentation(file, grid)
        else:
            segments += read_objects(
                file, grid, source / case.images[0], threshold=layout.threshold
            )
    if aim.names is None:
        raise TypeError("painted without names")
    try:
        label, notes = paint(segments, aim.names, aim.classes, grid.shape)
    except ValueError as error:
        raise InputError(f"{source / files[0]}: {error}") from None
    said = [f"{files[0]}: {note}" for note in ("named objects as values", *notes)]
    return LabelMap(label, grid), said


def _stacked(
    case: FoundCase, source: Path, image: Path, aim: Aim, layout: Layout
) -> tuple[LabelMap, list[str]]:
    """One picture a slice, in the order of the series' files."""
    files = [source / path for path in case.masks[""]]
    found = read_image(image)
    whole = stack_slices(files, source / case.images[0], found, turned=layout.reversed)
    array, unknown = to_target(whole, aim.labels, layout.ignore)
    if unknown:
        raise InputError(f"{files[0].parent}: {_no_label(unknown)}")
    kept = whole.astype(np.uint8) if array is None else array
    return LabelMap(kept, found.grid), [f"{files[0].parent.name}: pictures of slices stacked"]


def _among(
    case: FoundCase, source: Path, image: Path, aim: Aim, layout: Layout
) -> tuple[LabelMap, list[str]]:
    """Of each object's files the one of two grey values; brought to the picture's size."""
    grid = read_picture(image).grid
    whole = np.zeros(grid.shape, np.uint8)
    notes = []
    for paths in objects_of(layout, case.masks[""]).values():
        masks = [path for path in paths if len(np.unique(read_mask(source / path).array)) == 2]
        if len(masks) != 1:
            raise InputError(
                f"{source / paths[0]}: {len(masks)} of the {len(paths)} files of this object have "
                "two grey values, as a mask has; expected one"
            )
        own, stored = _target(source / masks[0], aim, layout)
        part = stored.array.astype(np.uint8) if own is None else own
        if part.shape != whole.shape:
            part = _to_size(source / masks[0], part, grid)
            notes.append(f"{masks[0]}: of another size, brought to the picture's by nearest pixel")
        whole = np.maximum(whole, part)
    return LabelMap(whole, grid), [*notes, f"{case.name}: masks of its objects united"]


def _to_size(file: Path, part: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """Nearest pixel by nearest pixel; sides may only differ by one factor."""
    factors = [new / old for new, old in zip(grid.shape, part.shape, strict=True)]
    if max(factors) > min(factors) * (1 + _SIDES_ALIKE):
        raise InputError(
            f"{file}: is of {part.shape}, its picture of {grid.shape}, which is another part of it"
        )
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
        for new, old in zip(grid.shape, part.shape, strict=True)
    )
    return part[np.ix_(rows, columns)]


def _on_series(
    label: LabelMap, notes: list[str], path: str, source: Path, grid: Grid
) -> tuple[LabelMap, list[str]]:
    """Put a label map of its own geometry onto a series' voxels."""
    try:
        array = placed(label.array, label.grid.affine, grid)
    except ValueError as error:
        raise InputError(
            f"{source / path}: {error}; nobody can say where it lies in its DICOM series"
        ) from None
    if find_placing(label.array.shape, label.grid.affine, grid).moves:
        notes = [*notes, f"{path}: turned to the axes of its DICOM series"]
    return LabelMap(array, grid), notes


def _united(
    files: Sequence[str], source: Path, aim: Aim, layout: Layout
) -> tuple[LabelMap, list[str]]:
    """All masks of a case in one map; two labels at one voxel contradict each other."""
    first = read_mask(source / files[0])
    whole = np.zeros(first.grid.shape, np.uint8)
    for path in files:
        own, stored = _target(source / path, aim, layout)
        part = stored.array.astype(np.uint8) if own is None else own
        if part.shape != whole.shape:
            raise InputError(f"{source / path}: is of another size than {files[0]}")
        if layout.fill:
            part = _filled(part)
        if ((whole > 0) & (part > 0) & (whole != part)).any():
            raise InputError(f"{source / path}: says another label than {files[0]} does somewhere")
        whole = np.maximum(whole, part)
    said = f"{len(files)} masks united" if len(files) > 1 else "values as the dataset has them"
    return LabelMap(whole, first.grid), [f"{files[0]}: {said}{', filled' if layout.fill else ''}"]


def _filled(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    for value in np.unique(part[part > 0]):
        part[ndimage.binary_fill_holes(part == value)] = value
    return part


def _target(file: Path, aim: Aim, layout: Layout) -> tuple[NDArray[np.uint8] | None, LabelMap]:
    stored = read_mask(file)
    array, unknown = to_target(stored.array, aim.labels, layout.ignore)
    if unknown:
        raise InputError(f"{file}: {_no_label(unknown)}")
    return array, stored


def _no_label(unknown: Sequence[int]) -> str:
    shown = ", ".join(map(str, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
    return (
        f"holds {shown}, which no label stands for; name them in labels or ignore (a range is "
        "written as 1..127)"
    )


def _per_class(
    case: FoundCase, source: Path, classes: Mapping[str, int]
) -> tuple[LabelMap, list[str]]:
    """One map of one mask per class; where two overlap, the later class is kept, and said."""
    whole: NDArray[np.uint8] | None = None
    grid: Grid | None = None
    notes: list[str] = []
    for name, files in case.masks.items():
        for path in files:
            label = read_label(source / path)
            if len(np.unique(label.array)) > 2:
                raise InputError(f"{source / path}: expected a mask of two values")
            mask: NDArray[Any] = label.array != 0
            if whole is None or grid is None:
                whole, grid = np.zeros(mask.shape, np.uint8), label.grid
            if mask.shape != whole.shape:
                raise InputError(f"{source / path}: is of another size than the masks before it")
            if over := int((mask & (whole > 0)).sum()):
                notes.append(f"{path}: {over} voxels were another class before; {name} is kept")
            whole[mask] = classes[name]
        if not files:
            notes.append(f"case {case.name}: has no mask of {name}, so none of it")
    if whole is None or grid is None:  # cases without any mask are faults of the layout
        raise InputError(f"case {case.name}: has no mask")
    return LabelMap(whole, grid), notes
