"""Label maps, images and probabilities to files: atomic, read back, without patient data."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.files import write_bytes
from segscope.data.formats import format_of, image_ending, write
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap, Probabilities


def write_label(path: Path, label: LabelMap, like: Path | None = None) -> None:
    """Write a label map on its own grid.

    Args:
        path: Its ending decides the format.
        label: On the grid that the file shall have.
        like: The image it belongs to; a NIfTI file's codes and units are kept.
    """
    _write(Path(path), label.array, label.grid, like)


def write_image(path: Path, image: Image, like: Path | None = None) -> None:
    """Write a single-channel image on its own grid, in its own number type."""
    if len(image.array) != 1:
        raise ValueError(f"one channel per file, got {len(image.array)}")
    _write(Path(path), image.array[0], image.grid, like)


def write_probabilities(
    path: Path, probabilities: Probabilities, *, reverse_axes: bool = False
) -> None:
    """Write ``probabilities`` (K, *S) float32 and ``affine`` as ``.npz``.

    Args:
        path: Of the file.
        probabilities: On the grid of the image.
        reverse_axes: Write (K, z, y, x), a plane as one slice, which is nnU-Net's form.
    """
    array = probabilities.array
    if reverse_axes:
        array = array[:, None] if array.ndim == 3 else array.transpose(0, 3, 2, 1)
    stream = io.BytesIO()
    np.savez_compressed(stream, probabilities=array, affine=probabilities.grid.affine)
    write_bytes(Path(path), stream.getvalue())


def _write(path: Path, array: NDArray[Any], grid: Grid, like: Path | None) -> None:
    ending = image_ending(path)
    if ending is None:
        raise InputError(f"{path}: cannot write this kind of file; use .nii.gz or .png")
    kind = format_of(ending)
    if kind.write is not None and kind.dims != grid.ndim:
        what, use = ("volume", ".nii.gz") if grid.ndim == 3 else ("plane image", ".png")
        raise InputError(f"{path}: a {what} cannot be written as {ending.lower()}; use {use}")
    write(path, array, grid, like)
