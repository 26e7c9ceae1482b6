"""Regions of interest from images with masks: a dataset of lesions and of places without one.

"A Sneak Attack on Segmentation of Medical Images Using Deep Neural Network Classifiers", section
III.B. Each connected piece of foreground gives one abnormal region: its bounding box, widened on
every side by its own random 10 to 30 % of the lesion's width or height. A normal region of the same
size comes from the mirrored place, or from images without a lesion. Volumes give the axial slice
that holds most of the piece. Regions are 8-bit grey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.data import (
    Dataset,
    load_of,
    read_column,
    to_csv,
    write_json,
    write_label,
    write_text,
)
from segscope.errors import InputError
from segscope.images import Case, Grid, LabelMap
from segscope.images.components import bounding_box, label_components
from segscope.images.planes import Plane, to_grey
from segscope.paths import check_new_folder
from segscope.preprocessing import orientation_to_ras, reorient

NORMAL, ABNORMAL = "normal", "abnormal"

Normals = Literal["mirror", "images", "none"]
NORMAL_SOURCES: dict[str, Normals] = {"images": "images", "mirror": "mirror", "none": "none"}

Box = tuple[slice, slice]


@dataclass(frozen=True)
class RoiOptions:
    """How regions are cut.

    Args:
        normals: Where normal regions come from. ``mirror``: the same place on the other side, that
            is on the image that the column ``other_side`` of ``cases.csv`` names (flipped), or on
            the image itself; where a lesion lies there too, both regions are dropped. ``images``:
            one region for each abnormal one, of its size and relative place, on images whose mask
            is empty, taken in turn. ``none``.
        padding: Least and most that is added on a side, as shares of the lesion's width or height.
        least_pixels: Smaller pieces are left out.
        seed: Of padding and places.
    """

    normals: Normals = "images"
    padding: tuple[float, float] = (0.1, 0.3)
    least_pixels: int = 16
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Roi:
    name: str
    kind: str
    image: Plane
    mask: NDArray[np.bool_]
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Seen:
    """One plane of a case: grey in 0..255, and its foreground."""

    image: Plane
    mask: NDArray[np.bool_]
    slice_index: int | None = None


def extract_rois(dataset: Dataset, folder: Path, options: RoiOptions) -> dict[str, int]:
    """Write a dataset of regions: images, masks, and ``cases.csv`` with class and provenance.

    A region's subject is its case's, so that splits keep all regions of one subject together.

    Args:
        dataset: With masks; every foreground label counts as lesion.
        folder: New or empty.
        options: How.

    Returns:
        Counts: ``abnormal``, ``normal``, and what was left out and why.

    Raises:
        InputError: The folder holds something; options out of their range; no lesion, or no image
            without one where normal regions shall come from these.
    """
    folder = Path(folder)
    _check(folder, options)
    counts = {ABNORMAL: 0, NORMAL: 0, "too small": 0, "lesion on the other side": 0}
    random = np.random.default_rng(options.seed)
    abnormal, normal, empty = _from_lesions(dataset, options, random, counts)
    if not abnormal:
        raise InputError(f"{dataset.folder}: no region could be cut: {_said(counts)}")
    if options.normals == "images":
        if not empty:
            raise InputError(
                f"{dataset.folder}: every image has a lesion; say --normals mirror or none"
            )
        order = random.permutation(len(empty))
        normal = [
            _like(dataset, empty[order[k % len(empty)]], roi, f"n{k // len(empty) + 1}", random)
            for k, roi in enumerate(abnormal)
        ]
    for roi in (*abnormal, *normal):
        counts[roi.kind] += 1
    _write(dataset, folder, (*abnormal, *normal))
    return counts


def _check(folder: Path, options: RoiOptions) -> None:
    check_new_folder(folder)
    low, high = options.padding
    if not 0 <= low <= high or options.least_pixels < 1:
        raise InputError(
            f"--padding {low},{high}, --least-pixels {options.least_pixels}: expected shares in "
            "order, and at least one pixel"
        )


def _from_lesions(
    dataset: Dataset, options: RoiOptions, random: np.random.Generator, counts: dict[str, int]
) -> tuple[list[_Roi], list[_Roi], list[Case]]:
    """Abnormal regions, those of mirrored places, and the cases without a lesion."""
    others = _other_sides(dataset) if options.normals == "mirror" else {}
    abnormal: list[_Roi] = []
    normal: list[_Roi] = []
    empty: list[Case] = []
    for case in sorted(dataset.training, key=lambda c: c.name):
        planes = _lesions(dataset, case, options.least_pixels, counts)
        if planes is None:
            empty.append(case)
            continue
        for number, (seen, box) in enumerate(planes, start=1):
            wide = _padded(box, seen.mask.shape, options.padding, random)
            if options.normals == "mirror":
                twin = _mirrored(dataset, case, seen, wide, others, f"{case.name}_{number}m")
                if twin is None:
                    counts["lesion on the other side"] += 1
                    continue
                normal.append(twin)
            abnormal.append(_cut(case, f"{case.name}_{number}", ABNORMAL, seen, wide))
    return abnormal, normal, empty


def _lesions(
    dataset: Dataset, case: Case, least: int, counts: dict[str, int]
) -> list[tuple[_Seen, Box]] | None:
    """Each piece with the plane that shows it; None where the case has no lesion at all."""
    loaded = load_of(dataset, case)
    assert loaded.label is not None  # training cases have one
    image = to_grey(loaded.image.array)
    mask = loaded.label.array > 0
    if mask.ndim == 3:
        turn = orientation_to_ras(loaded.image.grid)
        image, mask = reorient(image, turn), reorient(mask, turn)
    if not mask.any():
        return None
    labels, count = label_components(mask)
    found: list[tuple[_Seen, Box]] = []
    for value, place in enumerate(ndimage.find_objects(labels, count), start=1):
        piece = labels[place] == value
        seen = _Seen(image, mask)
        if mask.ndim == 3:
            best = int(piece.sum((0, 1)).argmax())
            k = place[2].start + best
            piece, seen = piece[..., best], _Seen(image[..., k], mask[..., k], k)
        if piece.sum() < least:
            counts["too small"] += 1
            continue
        inner = bounding_box(piece)
        assert inner is not None  # it holds pixels
        rows, columns = (
            slice(at.start + side.start, at.start + side.stop)
            for at, side in zip(place[:2], inner, strict=True)
        )
        found.append((seen, (rows, columns)))
    return found


def _padded(
    box: Box, shape: Sequence[int], padding: tuple[float, float], random: np.random.Generator
) -> Box:
    """Widen each side by its own random share of the lesion, within the image."""
    found = []
    for side, length in zip(box, shape, strict=True):
        size = side.stop - side.start
        before, after = np.round(random.uniform(*padding, 2) * size).astype(int)
        found.append(slice(max(0, side.start - int(before)), min(length, side.stop + int(after))))
    return found[0], found[1]


def _mirrored(
    dataset: Dataset, case: Case, seen: _Seen, box: Box, others: Mapping[str, Case], name: str
) -> _Roi | None:
    """The same place on the other side, or None where that holds a lesion too."""
    source, axis = case, 1 if seen.slice_index is None else 0
    if others:
        source = others[case.name]
        loaded = load_of(dataset, source)
        assert loaded.label is not None
        seen = _Seen(to_grey(loaded.image.array), loaded.label.array > 0)
    flipped = replace(seen, image=np.flip(seen.image, axis), mask=np.flip(seen.mask, axis))
    if any(side.stop > length for side, length in zip(box, flipped.mask.shape, strict=True)):
        return None
    if flipped.mask[box].any():
        return None
    roi = _cut(source, name, NORMAL, flipped, box)
    return replace(roi, facts={**roi.facts, "mirrored": 1})


def _like(dataset: Dataset, case: Case, twin: _Roi, end: str, random: np.random.Generator) -> _Roi:
    """A region of the size and at the place, relative to the image, of an abnormal one."""
    loaded = load_of(dataset, case)
    image = to_grey(loaded.image.array)
    mask, index = np.zeros(image.shape[:2], bool), None
    if image.ndim == 3:
        image = reorient(image, orientation_to_ras(loaded.image.grid))
        index = int(random.integers(image.shape[2]))
        image, mask = image[..., index], np.zeros(image.shape[:2], bool)
    box = []
    for axis, length in enumerate(image.shape):
        first, last = twin.facts["box"][axis]
        scale = length / twin.facts["source_sides"][axis]
        size = max(1, min(length, last - first))
        middle = (first + last) / 2 * scale
        start = int(np.clip(round(middle - size / 2), 0, length - size))
        box.append(slice(start, start + size))
    seen = _Seen(image, mask, index)
    return _cut(case, f"{case.name}_{end}", NORMAL, seen, (box[0], box[1]))


def _cut(case: Case, name: str, kind: str, seen: _Seen, box: Box) -> _Roi:
    facts = {
        "source": case.name,
        "subject": case.group,
        "slice": seen.slice_index,
        "box": [[side.start, side.stop] for side in box],
        "source_sides": list(seen.image.shape),
        "mirrored": 0,
    }
    return _Roi(name, kind, seen.image[box], seen.mask[box] & (kind == ABNORMAL), facts)


def _other_sides(dataset: Dataset) -> dict[str, Case]:
    """Case to the case of the other side, where ``cases.csv`` tells; empty where it does not."""
    try:
        named = read_column(dataset.folder, "other_side")
    except InputError:
        return {}
    by_name = {case.name: case for case in dataset.training}
    missing = [n for n, other in named.items() if n in by_name and other not in by_name]
    if missing:
        raise InputError(
            f"{dataset.folder / 'cases.csv'}: other_side of {missing[0]} is {named[missing[0]]!r}, "
            "which is no case"
        )
    return {name: by_name[other] for name, other in named.items() if name in by_name}


def _write(dataset: Dataset, folder: Path, rois: Sequence[_Roi]) -> None:
    rows = []
    for roi in rois:
        grid = Grid.from_spacing(roi.image.shape)
        for part, array in (("imagesTr", roi.image), ("labelsTr", roi.mask.astype(np.uint8))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            ending = "_0000.png" if part == "imagesTr" else ".png"
            write_label(folder / part / f"{roi.name}{ending}", LabelMap(array, grid))
        (r0, r1), (c0, c1) = roi.facts["box"]
        rows.append(
            {
                "case": roi.name,
                "subject": roi.facts["subject"],
                "class": roi.kind,
                "source": roi.facts["source"],
                "slice": roi.facts["slice"],
                "first_row": r0,
                "end_row": r1,
                "first_column": c0,
                "end_column": c1,
                "mirrored": roi.facts["mirrored"],
                "lesion_share": float(roi.mask.mean()),
            }
        )
    write_text(folder / "cases.csv", to_csv(rows))
    facts = {
        "name": f"{dataset.name}: regions of interest",
        "channel_names": {"0": "grey"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": len(rois),
        "file_ending": ".png",
    }
    write_json(folder / "dataset.json", facts)  # last: it makes the folder a dataset


def _said(counts: Mapping[str, int]) -> str:
    left = [f"{count} {what}" for what, count in counts.items() if count]
    return ", ".join(left) or "no mask holds a lesion"
