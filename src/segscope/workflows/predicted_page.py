"""One small page of predictions: a table of sizes, what is odd, and a picture a case."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from segscope.data import write_text
from segscope.report import Picture, Section, Table, page
from segscope.workflows.predicted import Found

_PICTURED = 60
_WIDEST = 760
_CAUTION = (
    "The label maps were predicted by a network, and nobody has looked at them yet. Sizes are "
    "those of the label maps, voxel by voxel. This is no medical device."
)


def write_predicted_page(file: Path, found: Sequence[Found]) -> Path:
    """Write the page, self-contained and without a chart library.

    Args:
        file: The page.
        found: In each case.
    """
    pictured = sorted(found, key=lambda one: not one.notes)[:_PICTURED]
    pictures = [(one.case, one.preview) for one in pictured if one.preview is not None]
    more = len(found) - len(pictures)
    said = ["Volumes are shown as radiologists see them: the patient's right is at the left."]
    if more:
        said.append(
            f"{more} more cases are in the table only; their pictures are beside this page, in "
            "previews/. Cases with remarks come first."
        )
    shown = [Picture(_small(file), case) for case, file in pictures]
    sections = [
        Section("What was found", [_summary(found), _CAUTION], tables=[_sizes(found)]),
        *_odd(found),
        Section("Pictures", said, pictures=shown),
    ]
    write_text(file, page(f"Predictions in {file.absolute().parent.name}", sections))
    return file


def _summary(found: Sequence[Found]) -> str:
    empty = [one.case for one in found if not any(s.voxels for s in one.sizes.values())]
    text = f"{len(found)} cases."
    if empty:
        text += f" In {len(empty)} nothing was found: {', '.join(empty[:10])}"
        text += " ..." if len(empty) > 10 else "."
    return text


def _sizes(found: Sequence[Found]) -> Table:
    rows: list[list[Any]] = []
    for one in found:
        each = one.unit.per_voxel
        for label, size in one.sizes.items():
            largest = f"{size.largest * each:.4g} {one.unit.short}"
            rows.append([one.case, label, one.said(label), size.components, largest])
    caption = "Pieces do not touch, not even at a corner. The same table is in statistics.csv."
    return Table(["case", "label", "size", "pieces", "largest piece"], rows, caption)


def _odd(found: Sequence[Found]) -> list[Section]:
    rows = [[one.case, note] for one in found for note in one.notes]
    return [Section("Remarks", tables=[Table(["case", "remark"], rows)])] if rows else []


def _small(preview: Path) -> bytes:
    """A case's picture as a JPEG: a page of photographs stays small."""
    with PillowImage.open(preview) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((_WIDEST, _WIDEST))
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=75, optimize=True)
    return stream.getvalue()
