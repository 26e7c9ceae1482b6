"""A case with its voxels: all channels and the label, verified to lie on one grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data.frames import read_frame
from segscope.data.layout import Dataset
from segscope.data.problems import Problem, refuse
from segscope.data.readers import AS_STORED, ReadOptions, read_image, read_label
from segscope.errors import InputError
from segscope.images import Case, Grid, Image, LabelMap

_TOLERANCE_VOXELS = 0.1


@dataclass(frozen=True)
class LoadedCase:
    """A case with its voxels, all channels and the label on one grid."""

    case: Case
    image: Image
    label: LabelMap | None


def load_case(
    case: Case,
    *,
    channels: int,
    labels: Mapping[str, int] | None = None,
    reading: ReadOptions = AS_STORED,
) -> LoadedCase:
    """Read a case's channels and label, and check that they lie on one grid.

    Args:
        case: Files to read.
        channels: How many channels are expected in all.
        labels: Declared labels, see `read_label`.
        reading: What may be changed instead of refused; the notes say so.

    Raises:
        InputError: A file is refused, channels are missing, or shapes, spacings or corners differ
            by more than a tenth of a voxel (both files and the distance in mm are named).
    """
    problems: list[Problem] = []
    loaded = read_case(
        case,
        problems,
        channels=channels,
        labels=labels,
        reading=reading,
    )
    refuse(f"case {case.name}", problems)
    if loaded is None:  # read_case says why, and `refuse` has raised it
        raise InputError(f"case {case.name}: is not usable")
    return loaded


def load_of(dataset: Dataset, case: Case) -> LoadedCase:
    """Read a case as its dataset declares it; see `load_case`."""
    return load_case(
        case,
        channels=len(dataset.channel_names),
        labels=dataset.labels,
        reading=dataset.reading,
    )


def read_label_of(dataset: Dataset, case: Case) -> LabelMap:
    """Read a case's label on the image's grid, and the image only where that needs it."""
    if case.label_file is None:
        raise InputError(f"case {case.name}: has no label map")
    if not dataset.reading.resample_labels:
        return read_label(case.label_file, labels=dataset.labels, reading=dataset.reading)
    loaded = load_of(dataset, case)
    assert loaded.label is not None  # the case names a label file
    return loaded.label


def read_case(
    case: Case,
    problems: list[Problem],
    *,
    channels: int,
    labels: Mapping[str, int] | None = None,
    reading: ReadOptions = AS_STORED,
) -> LoadedCase | None:
    """Read every file of a case, also after a fault; faults are appended to ``problems``."""
    before = len(problems)
    images: list[Image] = []
    for file in case.image_files:
        try:
            images.append(read_image(file, reading=reading))
        except InputError as error:
            problems.append(Problem.of(error, file, case=case.name))
    label = None
    if case.label_file is not None:
        try:
            label = read_label(case.label_file, labels=labels, reading=reading)
        except InputError as error:
            problems.append(Problem.of(error, case.label_file, case=case.name))
    if len(images) < len(case.image_files) or not images:
        return None
    image = _joined(case, images, channels, problems)
    if case.frame_file is not None:
        image = _framed(image, case, case.frame_file, problems)
    if label is not None and case.label_file is not None:
        apart = _apart(image.grid, label.grid)
        if apart and reading.resample_labels and image.grid.ndim == label.grid.ndim == 3:
            label = _onto(image.grid, label, apart)
        elif apart:
            problems.append(
                _unlike(case, case.label_file, apart, "mend its geometry, or say --resample-labels")
            )
    return None if len(problems) > before else LoadedCase(case, image, label)


def _joined(case: Case, images: Sequence[Image], channels: int, problems: list[Problem]) -> Image:
    first = images[0]
    apart = [_apart(first.grid, image.grid) for image in images]
    problems += [
        _unlike(case, file, said, "resample it onto the first channel's grid")
        for file, said in zip(case.image_files, apart, strict=True)
        if said
    ]
    found = sum(len(image.array) for image in images)
    if found != channels:
        files = ", ".join(file.name for file in case.image_files)
        problems.append(
            Problem(
                str(case.image_files[0]),
                f"{channels} channels expected, {found} found in {files}",
                _remedy(images, channels),
                case.name,
            )
        )
    if len(images) == 1 or any(apart):
        return first
    array: NDArray[np.generic] = np.concatenate([image.array for image in images])
    notes = tuple(note for image in images for note in image.notes)
    return Image(array, first.grid, notes, first.modality)


def _framed(image: Image, case: Case, file: Path, problems: list[Problem]) -> Image:
    try:
        return replace(image, frame=read_frame(file, dims=image.grid.ndim))
    except InputError as error:
        problems.append(Problem.of(error, file, case=case.name))
        return image


def _remedy(images: Sequence[Image], channels: int) -> str:
    grey = channels == 3 and len(images) == 1 and images[0].grid.ndim == 2
    if grey:  # one of a few among colour pictures
        return (
            "convert it to RGB (with Pillow: Image.open(FILE).convert('RGB').save(FILE)), or leave "
            "it out"
        )
    return "add the missing channels, or name the model or dataset with this many"


def _apart(grid: Grid, other: Grid) -> str | None:
    """Say how two grids differ, where they do."""
    if grid.shape != other.shape:
        return f"shape {other.shape} where {grid.shape} is expected"
    if np.array_equal(grid.affine, other.affine):
        return None
    sides, others = np.array(grid.spacing_mm), np.array(other.spacing_mm)
    # corners do not see the spacing of an axis with a single voxel
    wide = float(np.abs(sides - others).max())
    if wide > _TOLERANCE_VOXELS * min(*sides, *others):
        return f"spacings {_mm(others)} mm and {_mm(sides)} mm differ by up to {wide:.3g} mm"
    if not grid.matches(other, tolerance_voxels=_TOLERANCE_VOXELS):
        return f"corners lie up to {grid.displacement_mm(other):.3g} mm apart"
    return None


def _mm(spacing: NDArray[np.float64]) -> str:
    return " x ".join(f"{s:.4g}" for s in spacing)


def _unlike(case: Case, file: Path, said: str, remedy: str) -> Problem:
    first = case.image_files[0]
    return Problem(str(file), f"is not on the grid of {first}: {said}", remedy, case.name)


def _onto(grid: Grid, label: LabelMap, apart: str) -> LabelMap:
    """Look each voxel's label up at the nearest voxel; background outside the label's grid."""
    back = np.linalg.inv(label.grid.affine) @ grid.affine
    sides = np.array(label.grid.shape)
    found = np.zeros(grid.shape, label.array.dtype)
    plane = np.stack(
        np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij"), axis=-1
    )
    within = plane @ back[:3, 1:3].T + back[:3, 3]
    for k in range(grid.shape[0]):  # plane by plane: coordinates take 24 times the labels' memory
        # the small number decides ties (half a voxel) alike everywhere, whatever the rounding
        nearest = np.floor(within + k * back[:3, 0] + (0.5 + 1e-6)).astype(np.int64)
        inside = ((nearest >= 0) & (nearest < sides)).all(-1)
        found[k][inside] = label.array[tuple(nearest[inside].T)]
    return LabelMap(found, grid, (*label.notes, f"label resampled onto the image's grid ({apart})"))
