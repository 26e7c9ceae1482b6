"""A small dataset with true labels that needs no download: pieces of an average brain.

nilearn ships the MNI152 average brain (ICBM 152, 2009a, symmetric): a T1-weighted image and maps
of the share of grey and of white matter in each voxel. Pieces of it, each posed, lit and made noisy
in its own way, become the cases of a dataset in nnU-Net v2 raw layout; the tissue with the largest
share is the label.

It is one head. Pieces of the same place are one ``subject``, so that a split never has a place on
both sides, and places are some millimetres apart; the left half is the mirror image of the right
(the template is symmetric), so both halves of a place are one subject, too. A score on these data
says that the parts work together. It says nothing about new patients.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.data import write_image, write_json, write_label, write_text
from segscope.images import Grid, Image, LabelMap
from segscope.paths import check_new_folder

LABELS = {"background": 0, "grey_matter": 1, "white_matter": 2}

BRAIN_MM = ((-74.0, 74.0), (-108.0, 74.0), (-50.0, 80.0))
"""What 2D slices cover along x and y, and volumes along all axes, in MNI millimetres."""
GAP_MM = 6.0
"""Left out between two places; a tilted, scaled piece reaches less than half of it."""
SLICE_CENTRES_MM = tuple(-25.0 + 13.0 * k for k in range(7))
SLICES_PER_PLACE = 5
TILT_DEGREES = 1.5
SCALE = 0.05

SOURCE = (
    "ICBM 152 Nonlinear atlas version 2009a (symmetric), as shipped with nilearn; "
    "Fonov et al., NeuroImage 47 (2009) S102, and NeuroImage 54 (2011) 313-327"
)
LICENCE = (
    "Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological "
    "Institute, McGill University. Permission to use, copy, modify, and distribute this software "
    "and its documentation for any purpose and without fee is hereby granted, provided that the "
    "above copyright notice appear in all copies."
)


@dataclass(frozen=True)
class _Piece:
    """One case: where it lies in the head, whose it is, and on which side of the dataset."""

    name: str
    subject: str
    grid: Grid
    test: bool


@dataclass(frozen=True)
class _Template:
    """The average brain on its 1 mm grid: intensity and shares of the tissues, all in 0..1."""

    t1: NDArray[np.float32]
    grey: NDArray[np.float32]
    white: NDArray[np.float32]
    grid: Grid


def write_demo_dataset(
    folder: Path, *, image_dims: int = 2, spacing_mm: float = 2.0, seed: int = 0
) -> Path:
    """Write the demo dataset: training cases, and test cases with labels in ``labelsTs``.

    Args:
        folder: New or empty; becomes a dataset in nnU-Net v2 raw layout.
        image_dims: 2 writes axial slices as PNG (uint8), 3 writes pieces of both halves of the
            brain as NIfTI (int16), every second subject with its first axis running to the left.
        spacing_mm: Side of a pixel; volumes vary by a tenth from subject to subject.
        seed: Decides poses, contrasts, shading and noise.

    Returns:
        The folder.

    Raises:
        InputError: When the folder holds something already.
        ValueError: When ``image_dims`` is neither 2 nor 3 or the spacing is not from 1 to 4 mm.

    Example:
        >>> import json, tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     folder = write_demo_dataset(Path(place) / "demo", spacing_mm=4.0)
        ...     json.loads((folder / "dataset.json").read_text())["numTraining"]
        25
    """
    if image_dims not in (2, 3) or not 1 <= spacing_mm <= 4:
        raise ValueError(
            f"image_dims must be 2 or 3 and spacing_mm from 1 to 4, got {image_dims}, {spacing_mm}"
        )
    check_new_folder(folder)
    pieces = list(_slices(spacing_mm) if image_dims == 2 else _blocks(spacing_mm))
    ending = ".png" if image_dims == 2 else ".nii.gz"
    for number, piece in enumerate(pieces):
        rng = np.random.default_rng([seed, number])
        image, label = _scan(piece, rng, image_dims)
        part = "Ts" if piece.test else "Tr"
        for sub in (f"images{part}", f"labels{part}"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        write_image(folder / f"images{part}" / f"{piece.name}_0000{ending}", image)
        write_label(folder / f"labels{part}" / f"{piece.name}{ending}", label)
    _describe(folder, pieces, ending)
    return folder


def _slices(spacing_mm: float) -> Iterator[_Piece]:
    """Whole axial slices: five per place, 1.5 mm apart, rows to the back, columns to the right."""
    (left, right), (back, front), _ = BRAIN_MM
    rows, columns = _count(front - back, spacing_mm), _count(right - left, spacing_mm)
    for place, centre in enumerate(SLICE_CENTRES_MM):
        for k in range(SLICES_PER_PLACE):
            affine = np.eye(4)
            affine[:3, :2] = np.array([[0, spacing_mm], [-spacing_mm, 0], [0, 0]])
            affine[:3, 3] = np.array([left, front, centre + 1.5 * (k - SLICES_PER_PLACE // 2)])
            grid = Grid((rows, columns, 1), affine)
            test = place in (2, 5)
            yield _Piece(f"place{place}_slice{k}", f"place{place}", grid, test)


def _blocks(spacing_mm: float) -> Iterator[_Piece]:
    """Blocks of 3 x 2 places (back to front, bottom to top), each from both halves of the brain."""
    places = [
        (y, z)
        for z in _stretches(*BRAIN_MM[2], number=2)
        for y in _stretches(*BRAIN_MM[1], number=3)
    ]
    for place, ((back, front), (bottom, top)) in enumerate(places):
        spacing = spacing_mm * (1 + 0.1 * math.sin(place))
        for side, start in (("left", BRAIN_MM[0][0]), ("right", 0.0)):
            length = BRAIN_MM[0][1]
            sides_mm = (length, front - back, top - bottom)
            shape = tuple(_count(side_mm, spacing) for side_mm in sides_mm)
            affine = np.diag([spacing, spacing, spacing, 1.0])
            affine[:3, 3] = start, back, bottom
            if place % 2:  # files of other scanners store other axis directions
                affine[0, 0] = -spacing
                affine[0, 3] = start + (shape[0] - 1) * spacing
            yield _Piece(f"place{place}_{side}", f"place{place}", Grid(shape, affine), place == 1)


def _stretches(low: float, high: float, *, number: int) -> list[tuple[float, float]]:
    length = (high - low - GAP_MM * (number - 1)) / number
    starts = [low + k * (length + GAP_MM) for k in range(number)]
    return [(start, start + length) for start in starts]


def _count(length_mm: float, spacing_mm: float) -> int:
    return int(length_mm / spacing_mm) + 1


def _scan(piece: _Piece, rng: np.random.Generator, image_dims: int) -> tuple[Image, LabelMap]:
    """Take the piece out of the posed head, and give it a scanner's contrast, shading and noise."""
    template = _template()
    pose = _pose(piece.grid, rng)
    t1, grey, white = (
        _sample(array, template.grid, piece.grid, pose)
        for array in (template.t1, template.grey, template.white)
    )
    label = np.stack([1 - grey - white, grey, white]).argmax(0).astype(np.uint8)
    light = np.clip(t1, 0, 1) ** rng.uniform(0.8, 1.25) * _shading(t1.shape, rng)
    light = np.clip(light + rng.normal(0, 0.03, t1.shape), 0, None)
    if image_dims == 2:
        grid = Grid.from_spacing(piece.grid.shape[:2])
        pixels = np.clip(light * 190, 0, 255).round().astype(np.uint8)
        return Image(pixels[None, ..., 0], grid), LabelMap(label[..., 0], grid)
    voxels = (light * rng.uniform(400, 1200)).round().astype(np.int16)
    return Image(voxels[None], piece.grid), LabelMap(label, piece.grid)


def _pose(grid: Grid, rng: np.random.Generator) -> NDArray[np.float64]:
    """How the head lies: the map from the scanner's world to the template's, both in mm (4, 4).

    Turned and scaled about the middle of the piece, so that it stays in its place.
    """
    turn = np.eye(3)
    for axis, degrees in enumerate(rng.uniform(-TILT_DEGREES, TILT_DEGREES, 3)):
        a, b = (k for k in range(3) if k != axis)
        step = np.eye(3)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        step[a, a], step[a, b], step[b, a], step[b, b] = cos, -sin, sin, cos
        turn = turn @ step
    pose = np.eye(4)
    pose[:3, :3] = turn @ np.diag(rng.uniform(1 - SCALE, 1 + SCALE, 3))
    middle = grid.to_world([(side - 1) / 2 for side in grid.shape])
    pose[:3, 3] = middle - pose[:3, :3] @ middle
    return pose


def _sample(
    array: NDArray[np.float32], source: Grid, target: Grid, pose: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate an array, linearly, at the voxels of another grid in a posed world."""
    indices = np.linalg.inv(source.affine) @ pose @ target.affine
    sampled = ndimage.affine_transform(
        array, indices[:3, :3], indices[:3, 3], output_shape=target.shape, order=1
    )
    return np.asarray(sampled, np.float32)


def _shading(shape: Sequence[int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Uneven sensitivity of a coil: smooth, within about 25 % of one."""
    axes = np.meshgrid(
        *(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape), indexing="ij"
    )
    slopes, bows = rng.uniform(-0.12, 0.12, (2, len(axes)))
    field = sum(s * x + b * x * x for s, b, x in zip(slopes, bows, axes, strict=True))
    return np.exp(np.asarray(field, np.float64))


@lru_cache(maxsize=1)
def _template() -> _Template:
    # nilearn brings pandas and scikit-learn along; only these data need it
    from nilearn import datasets

    t1 = datasets.load_mni152_template(resolution=1)
    grey = datasets.load_mni152_gm_template(resolution=1)
    white = datasets.load_mni152_wm_template(resolution=1)
    t, g, w = (np.asarray(image.dataobj, np.float32) for image in (t1, grey, white))
    return _Template(t, g, w, Grid(t1.shape, np.asarray(t1.affine, np.float64)))


def _describe(folder: Path, pieces: Sequence[_Piece], ending: str) -> None:
    write_json(
        folder / "dataset.json",
        {
            "name": f"MNI152 average brain in {'slices' if ending == '.png' else 'blocks'}",
            "description": "Grey and white matter in posed, shaded, noisy pieces of one head; "
            "shows that parts work together, not how well a network does on new people.",
            "reference": SOURCE,
            "licence": LICENCE,
            "channel_names": {"0": "T1"},
            "labels": LABELS,
            "numTraining": sum(not piece.test for piece in pieces),
            "numTest": sum(piece.test for piece in pieces),
            "file_ending": ending,
        },
    )
    lines = ["case,subject", *(f"{piece.name},{piece.subject}" for piece in pieces)]
    write_text(folder / "cases.csv", "\n".join(lines) + "\n")
