"""An image, a label map and class probabilities: an array on its grid."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images.frame import Frame
from segscope.images.grid import Grid


@dataclass(frozen=True, eq=False)
class Image:
    """Channels of one case on one grid.

    Args:
        array: ``(C, *S)``, finite real numbers.
        grid: Where the voxels lie; ``grid.shape == array.shape[1:]``.
        notes: What a reader had to choose or change, in sentences a person can read.
        modality: As DICOM names it (``CT``, ``MR``); None where the file does not say.
        frame: Where a template lies in it; None where it was not registered.
    """

    array: NDArray[np.generic]
    grid: Grid
    notes: tuple[str, ...] = ()
    modality: str | None = None
    frame: Frame | None = None

    def __post_init__(self) -> None:
        _check_shape("image", self.array.shape[1:], self.grid)

    def with_notes(self, *notes: str) -> "Image":
        """Return the same image with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, eq=False)
class LabelMap:
    """One integer label per voxel.

    Args:
        array: ``(*S)``, non-negative integers.
        grid: Where the voxels lie.
        notes: As of an image.
    """

    array: NDArray[np.integer]
    grid: Grid
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_shape("label map", self.array.shape, self.grid)
        if not np.issubdtype(self.array.dtype, np.integer):
            raise ValueError(f"a label map holds integers, got {self.array.dtype}")


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Class probabilities per voxel.

    Args:
        array: ``(K, *S)`` float32; ``K = 1`` for one sigmoid channel, else background first.
        grid: Where the voxels lie.
    """

    array: NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        _check_shape("probabilities", self.array.shape[1:], self.grid)

    def to_labels(self) -> LabelMap:
        """Take the likeliest class; a single channel counts as foreground above 0.5."""
        return LabelMap(likeliest(self.array), self.grid)


def likeliest(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.integer[Any]]:
    """Take the likeliest class of ``(K, *S)``; a single channel is foreground above 0.5.

    Example:
        >>> likeliest(np.array([[0.2, 0.6], [0.8, 0.4]])).tolist()
        [1, 0]
    """
    if len(probabilities) == 1:
        return (probabilities[0] > 0.5).astype(np.uint8)
    return probabilities.argmax(0).astype(np.uint8 if len(probabilities) < 256 else np.uint16)


def _check_shape(what: str, spatial: tuple[int, ...], grid: Grid) -> None:
    if tuple(spatial) != grid.shape:
        raise ValueError(f"{what} has the spatial shape {tuple(spatial)}, its grid {grid.shape}")
