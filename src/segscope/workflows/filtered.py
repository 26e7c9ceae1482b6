"""Regions of interest seen through maps or masks, to ask what a classifier needs.

"A Sneak Attack on Segmentation of Medical Images Using Deep Neural Network Classifiers", section
II.B: the same architecture learns again from images of which only a part is left.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from segscope.data import Dataset, copy_file, load_of, read_label, write_json, write_label
from segscope.errors import InputError
from segscope.images import Case, LabelMap
from segscope.images.planes import stretched

Filter = Literal["cam", "truth", "inverse"]
FILTERS: tuple[Filter, ...] = get_args(Filter)


def filter_rois(
    dataset: Dataset,
    folder: Path,
    kind: Filter,
    *,
    maps: Path | None = None,
    parts: Mapping[str, str] | None = None,
    seed: int = 0,
) -> None:
    """Write the dataset again with every image multiplied by a map or a mask.

    Args:
        dataset: Of regions with masks, as `segscope.workflows.rois.extract_rois` writes it.
        folder: New; a dataset of the same names, classes and masks.
        kind: ``cam``: the image's own map, 255 as 1. ``truth``: its own mask; a region without a
            lesion takes that of another one, drawn by ``seed`` and brought to its sides.
            ``inverse``: 1 minus the mask of ``truth``.
        maps: Folder with ``CASE.png``, for ``cam``.
        parts: Name to a part of the split; masks are drawn within a part, so that no part sees
            shapes of another. All are one part by default.
        seed: Of the draws.

    Raises:
        InputError: The folder exists; a map is missing or has other sides; a part has no mask.
    """
    if folder.exists():
        raise InputError(f"{folder}: exists; name another folder")
    if kind == "cam" and maps is None:
        raise InputError("maps: name their folder for filter cam")
    donors = _donors(dataset, parts) if kind != "cam" else {}
    random = np.random.default_rng(seed)
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for case in sorted(dataset.training, key=lambda c: c.name):
        loaded = load_of(dataset, case)
        assert loaded.label is not None  # training cases have one
        image, mask = loaded.image.array, loaded.label.array > 0
        if kind == "cam":
            assert maps is not None  # asked for above
            share = _map(maps, case, mask.shape)
        else:
            near = donors.get((parts or {}).get(case.name, ""), [])
            mask = mask if mask.any() else _lent(near, mask.shape, random, dataset, case)
            share = (mask if kind == "truth" else ~mask).astype(np.float64)
        kept = np.round(image[0] * share).astype(np.uint8)
        grid = loaded.image.grid
        write_label(folder / "imagesTr" / f"{case.name}_0000.png", LabelMap(kept, grid))
        write_label(folder / "labelsTr" / f"{case.name}.png", loaded.label)
    copy_description(dataset, folder, f"filtered by {kind}")


def copy_description(
    dataset: Dataset, folder: Path, remark: str, *, file_ending: str = ".png"
) -> None:
    """Give a changed copy of a region dataset its ``cases.csv`` and, last, ``dataset.json``.

    Args:
        dataset: That was copied.
        folder: Of the copy, with labels in PNG.
        remark: What was changed.
        file_ending: Of its images.
    """
    copy_file(dataset.folder / "cases.csv", folder / "cases.csv")
    facts = {
        "name": f"{dataset.name}, {remark}",
        "channel_names": {"0": "grey"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": len(dataset.training),
        "file_ending": file_ending,
        "label_file_ending": ".png",
    }
    write_json(folder / "dataset.json", facts)


def _lent(
    near: Sequence[NDArray[np.bool_]],
    shape: tuple[int, ...],
    random: np.random.Generator,
    dataset: Dataset,
    case: Case,
) -> NDArray[np.bool_]:
    """Draw another region's mask, for one without a lesion."""
    if not near:
        raise InputError(f"{dataset.folder}: no mask in the part of {case.name}")
    return stretched(near[int(random.integers(len(near)))], shape)


def _donors(
    dataset: Dataset, parts: Mapping[str, str] | None
) -> dict[str, list[NDArray[np.bool_]]]:
    found: dict[str, list[NDArray[np.bool_]]] = {}
    for case in sorted(dataset.training, key=lambda c: c.name):
        assert case.label_file is not None  # training cases have one
        mask = read_label(case.label_file, reading=dataset.reading).array > 0
        if mask.any():
            found.setdefault((parts or {}).get(case.name, ""), []).append(mask)
    return found


def _map(folder: Path, case: Case, shape: tuple[int, ...]) -> NDArray[Any]:
    file = folder / f"{case.name}.png"
    levels = read_label(file).array
    if levels.shape != shape:
        raise InputError(f"{file}: is {levels.shape}, its image {shape}; make the maps again")
    return levels.astype(np.float64) / 255
