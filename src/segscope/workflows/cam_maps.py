"""Class activation maps of a run as a folder: heat-maps on the cases' own grids, overlays, scores.

cam.csv  cam.json  heatmaps/CASE_LABEL.nii.gz (0 to 255)  pictures/CASE_LABEL.png
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.audit import Opened, Subject
from segscope.data import (
    AS_STORED,
    ReadOptions,
    image_ending,
    json_ready,
    to_csv,
    write_bytes,
    write_image,
    write_json,
    write_text,
)
from segscope.errors import Failures
from segscope.explain import (
    best_dice,
    class_activation_map,
    dice_over_thresholds,
    mean_dice,
    otsu_threshold,
    package_of_method,
    to_levels,
)
from segscope.explain.cam import Target, class_score
from segscope.images import Case, Grid, Image
from segscope.inference import TrainedModel, write_manifest
from segscope.paths import check_new_folder
from segscope.preprocessing import orientation_to_ras, reorient
from segscope.progress import track
from segscope.report import widest_slice
from segscope.report.audit_figures import heat_figure
from segscope.workflows.masks import mask_cases

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CamRow:
    """One map against the truth of its label.

    Args:
        case: Its name.
        label: Of the class.
        threshold: That was chosen without the truth, 0 to 255.
        dice: Of what lies above it.
        mean_dice: Mean Dice over all 256 thresholds.
        oracle_dice: Best Dice over all thresholds; the truth chose it.
        oracle: That threshold.
    """

    case: str
    label: str
    threshold: int
    dice: float | None = None
    mean_dice: float | None = None
    oracle_dice: float | None = None
    oracle: int | None = None


def run_cam(
    model: TrainedModel,
    cases: Sequence[Case],
    folder: Path,
    *,
    run: Path | None = None,
    method: str = "gradcam",
    layer: str | None = None,
    masks: Path | None = None,
    reading: ReadOptions = AS_STORED,
) -> list[CamRow]:
    """Map every label of every case.

    Args:
        model: A trained segmentation network; a class's score is the sum of its logits over the
            region that is predicted for it.
        cases: With or without truth.
        folder: New or empty.
        run: The model's, for a network that is shown global binary masks.
        method: One of `segscope.explain.CAM_METHODS`.
        layer: Where features are taken from; the last one by default.
        masks: Folder of the user's global binary masks.
        reading: What may be changed when cases are read.

    Raises:
        InputError: The folder holds something; an unknown method or layer; a case is refused.
    """
    check_new_folder(folder)
    subject = Subject.of(model, reading=reading)
    wanted = _targets(subject, model.spec.labels)
    rows: list[CamRow] = []
    failures = Failures()
    shown = mask_cases(model, run or folder, cases, folder / "masks", reading=reading, files=masks)
    for case in track(shown.cases, "mapping"):
        with failures.of(case.name, ValueError):
            opened = subject.open(case)
            for note in opened.notes:
                _LOG.warning("%s: %s", case.name, note)
            image, truth = _native(subject, case, reading)
            for name, (target, values) in wanted.items():
                levels, grid = _map(subject, opened, target, method, layer)
                write_map(folder, case, f"{case.name}_{name}", levels, grid)
                mask = None if truth is None else np.isin(truth, values)
                row = score_map(case.name, name, levels, mask)
                picture = draw_map(image, levels, mask, grid, row)
                (folder / "pictures").mkdir(parents=True, exist_ok=True)
                write_bytes(folder / "pictures" / f"{case.name}_{name}.png", picture)
                rows.append(row)
    failures.check(len(shown.cases), what="cam")
    cases = [case for case in cases if case.name not in failures.reasons]
    made = subject.facts()
    write_manifest(folder, cases, device=made["device"], weights=made["weights_sha256"])
    write_text(folder / "cam.csv", to_csv([asdict(row) for row in rows]))
    facts = {"format": 1, "method": method, **package_of_method(method), "layer": layer, **made}
    write_json(folder / "cam.json", json_ready({**facts, "maps": [asdict(row) for row in rows]}))
    if failures.reasons:
        kept = f"\nthe maps of the others are in {folder}"
        raise failures.error(len(shown.cases), kept=kept)
    return rows


def _targets(
    subject: Subject, labels: Mapping[str, int]
) -> dict[str, tuple[Target, tuple[int, ...]]]:
    """Name to what is mapped, and to its values in the truth."""
    named = {name: value for name, value in labels.items() if value > 0}
    if not subject.regions:
        return {name: (value, (value,)) for name, value in named.items()}
    return {
        name: (partial(_region_score, number), values)
        for number, (name, values) in enumerate(zip(named, subject.regions, strict=True))
    }


def _region_score(number: int, logits: Tensor) -> Tensor:
    """Sum of a region's logits where it is predicted (everywhere where it is not)."""
    return class_score(logits[:, number : number + 1], 1)


def _map(
    subject: Subject, opened: Opened, target: Target, method: str, layer: str | None
) -> tuple[NDArray[np.uint8], Grid]:
    """One map on the file's grid, 0 to 255."""
    pieces = subject.pieces(opened)
    parts = [
        class_activation_map(
            subject.net, x.to(subject.device), target, method=method, layer=layer
        ).cpu()
        for x in pieces.image.split(1)
    ]
    heat = opened.as_prepared(pieces.joined(torch.cat(parts)[:, None])).numpy()
    assert opened.plan is not None  # cases with files have been prepared by one
    assert opened.prepared is not None
    # scaled first: outside of what the network saw a map is 0
    scaled = to_levels(heat).astype(np.float32) / 255
    native = opened.plan.undo(scaled, opened.prepared)
    return np.round(native.array[0] * 255).astype(np.uint8), native.grid


def _native(
    subject: Subject, case: Case, reading: ReadOptions
) -> tuple[NDArray[Any], NDArray[np.integer[Any]] | None]:
    known = subject.preparation
    assert known is not None  # a trained model brings one
    loaded = known.read(case, reading)
    return loaded.image.array, None if loaded.label is None else loaded.label.array


def score_map(
    case: str,
    label: str,
    levels: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None,
    threshold: int | None = None,
) -> CamRow:
    """Score a map with its mask, where there is one.

    Args:
        case: Its name.
        label: Of the class.
        levels: ``(*S)``, 0 to 255.
        mask: ``(*S)`` or None.
        threshold: Chosen without the mask; Otsu's where not given.
    """
    chosen = otsu_threshold(levels) if threshold is None else threshold
    if mask is None:
        return CamRow(case, label, chosen)
    best, place = best_dice(levels, mask)
    return CamRow(
        case, label, chosen,
        dice=float(dice_over_thresholds(levels, mask)[chosen]),
        mean_dice=mean_dice(levels, mask),
        oracle_dice=best,
        oracle=place,
    )  # fmt: skip


def draw_map(
    image: NDArray[Any],
    levels: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None,
    grid: Grid,
    row: CamRow,
) -> bytes:
    """Draw a map over its image ``(C, *S)``, with the mask and what lies above the threshold."""
    above = (levels > row.threshold).astype(np.uint8)
    shown = [above if mask is None else mask.astype(np.uint8), levels, above]
    if grid.ndim == 3:
        turn = orientation_to_ras(grid)
        image, *shown = (reorient(array, turn) for array in (image, *shown))
    plane, first, (heat, predicted) = widest_slice(image, shown[0], shown[1:])
    said = "" if row.dice is None else f", Dice {row.dice:.3f} above the threshold {row.threshold}"
    return heat_figure(
        plane,
        (heat / 255).astype(np.float32),
        predicted,
        None if mask is None else first,
        f"{row.case}, {row.label}{said}",
        label="class activation",
    )


def write_map(folder: Path, case: Case, name: str, levels: NDArray[np.uint8], grid: Grid) -> None:
    """Write a map on its image's grid into ``heatmaps/``, 0 to 255."""
    (folder / "heatmaps").mkdir(parents=True, exist_ok=True)
    like = case.image_files[0]
    known = (image_ending(like) or "").lower() in (".nii", ".nii.gz")
    ending = ".png" if grid.ndim == 2 else ".nii.gz"
    image = Image(levels[None], grid)
    write_image(folder / "heatmaps" / f"{name}{ending}", image, like if known else None)
