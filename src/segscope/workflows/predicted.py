"""What a person wants of predictions beside the label maps: sizes, pictures, a page.

OUT/statistics.csv  OUT/previews/CASE.png  OUT/report.html

All is made from the files that were written, so that it does not matter who wrote them, or when.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segscope.data import (
    AS_STORED,
    ReadOptions,
    image_ending,
    is_plane,
    read_image,
    read_label,
    to_csv,
    write_bytes,
    write_text,
)
from segscope.data.predictions import read_predictions
from segscope.errors import InputError
from segscope.images import Case, LabelMap
from segscope.images.overlay import draw_views
from segscope.images.sizes import LabelSize, Unit, measure_labels, unit_of
from segscope.inference.cases import target
from segscope.paths import is_there, read_text
from segscope.progress import track
from segscope.workflows.previews import views_of

STATISTICS, PREVIEWS, PAGE = "statistics.csv", "previews", "report.html"

_KEYS = ("case", "label", "value", "voxels", "components", "largest_voxels")
_NO_SPACING = "gives no spacing"
_PHOTOGRAPH_SIDE = 400
_FEW = 100
"""So many cases are drawn unasked: who has more looks at the table first."""


@dataclass(frozen=True)
class Found:
    """What was found in one case.

    Args:
        case: Its name.
        unit: In what sizes are said.
        sizes: Label to its size.
        preview: The case's picture, where there is one.
        notes: On the case and its prediction.
    """

    case: str
    unit: Unit
    sizes: Mapping[str, LabelSize]
    preview: Path | None = None
    notes: tuple[str, ...] = ()

    def said(self, label: str) -> str:
        """A label's size as a person writes it.

        Example:
            >>> Found("a", Unit("volume_ml", "ml", 0.5), {"x": LabelSize(3, 1, 3)}).said("x")
            '1.5 ml'
        """
        return f"{self.sizes[label].voxels * self.unit.per_voxel:.4g} {self.unit.short}"

    def rows(self, values: Mapping[str, int]) -> Iterator[dict[str, Any]]:
        """Rows of the table of sizes."""
        for label, size in self.sizes.items():
            counts = (size.voxels, size.components, size.largest)
            row = dict(zip(_KEYS, (self.case, label, values[label], *counts), strict=True))
            if self.unit.name:
                each = self.unit.per_voxel
                row[self.unit.name] = float(f"{size.voxels * each:.6g}")
                row[f"largest_{self.unit.name}"] = float(f"{size.largest * each:.6g}")
            yield row


@dataclass(frozen=True)
class Described:
    """What was written beside the label maps.

    Args:
        statistics: Sizes of every label of every case.
        cases: What was found, in the order of the cases.
        page: The page, where one was asked for.
    """

    statistics: Path
    cases: tuple[Found, ...]
    page: Path | None = None

    def to_dict(self) -> dict[str, str]:
        """What is where, for JSON."""
        drawn = [one.preview for one in self.cases if one.preview is not None]
        return {
            "statistics": str(self.statistics),
            **({"previews": str(drawn[0].parent)} if drawn else {}),
            **({"report": str(self.page)} if self.page else {}),
        }


def check_described(output: Path) -> None:
    """Refuse a folder in which another file stands where the table of sizes goes.

    Raises:
        InputError: As said.
    """
    file = output / STATISTICS
    if is_there(file) and not _is_ours(read_text(file)):
        raise InputError(
            f"{file}: is not a table of predictions by segscope and would be replaced; move it, "
            "or name another folder"
        )


def describe_predictions(
    cases: Sequence[Case],
    output: Path,
    labels: Mapping[str, int],
    *,
    reading: ReadOptions = AS_STORED,
    notes: Mapping[str, tuple[str, ...]] | None = None,
    previews: bool | None = None,
    page: bool = False,
) -> Described:
    """Measure and draw predictions that lie in a folder, with their images.

    Cases that the folder held before stay in the table as long as their label maps are there.

    Args:
        cases: That were predicted; those without a label map are left out.
        output: Folder of the label maps.
        labels: Name to value, background included.
        reading: How the images were read.
        notes: Case to what is to be said of it.
        previews: Draw a picture of each case; by default of a hundred cases at most, or for a page.
        page: Also write ``report.html``, with the pictures.

    Raises:
        InputError: A file cannot be read.
    """
    values = {name: value for name, value in labels.items() if value}
    there = [case for case in cases if target(case, output).is_file()]
    wanted = page or len(there) <= _FEW if previews is None else previews
    drawn = reading if wanted else None
    found = tuple(
        _describe(case, output, values, (notes or {}).get(case.name, ()), drawn)
        for case in track(there, "measuring and drawing")
    )
    file = output / STATISTICS
    rows = [*_others(file, output, {case.name for case in cases})]
    rows += [row for one in found for row in one.rows(values)]
    write_text(file, to_csv(rows))
    if not page:
        return Described(file, found)
    # tables, templates and charts are no part of a plain prediction
    from segscope.workflows.predicted_page import write_predicted_page

    return Described(file, found, write_predicted_page(output / PAGE, found))


def _describe(
    case: Case,
    output: Path,
    values: Mapping[str, int],
    notes: tuple[str, ...],
    reading: ReadOptions | None,
) -> Found:
    """Measure a case, and draw it where ``reading`` says how its image is read."""
    file = target(case, output)
    label = read_label(file)
    known = not is_plane(image_ending(file)) and not any(_NO_SPACING in note for note in notes)
    sizes = measure_labels(label.array, values.values())
    named = {name: sizes[value] for name, value in values.items()}
    found = Found(case.name, unit_of(label.grid, spacing_known=known), named, None, notes)
    if reading is None:
        return found
    preview = output / PREVIEWS / f"{case.name}.png"
    if not _is_newer(preview, file):
        preview.parent.mkdir(exist_ok=True)
        write_bytes(preview, _draw(case, label, found, values, reading))
    return replace(found, preview=preview)


def _is_newer(preview: Path, label: Path) -> bool:
    return preview.is_file() and preview.stat().st_mtime_ns >= label.stat().st_mtime_ns


def _draw(
    case: Case, label: LabelMap, found: Found, values: Mapping[str, int], reading: ReadOptions
) -> bytes:
    image = read_image(case.image_files[0], reading=reading)
    views = views_of(image, label, list(values.values()))
    legend = [f"{name}  {found.said(name)}" if found.sizes[name].voxels else "" for name in values]
    if label.grid.ndim == 2:
        side = min(_PHOTOGRAPH_SIDE, max(300, *label.grid.shape))
        return draw_views(views, legend, side=side)
    return draw_views(views, legend)


def _is_ours(text: str) -> bool:
    return text.startswith(",".join(_KEYS))


def _others(file: Path, output: Path, names: set[str]) -> Iterator[dict[str, Any]]:
    """Rows of cases that were predicted before, and still are in the folder."""
    if not is_there(file):
        return
    files = read_predictions(output).files
    for row in csv.DictReader(io.StringIO(read_text(file))):
        case = row["case"].removeprefix("'")  # what keeps a spreadsheet from running it
        made = files.get(case, ())
        if case not in names and made and all((output / name).is_file() for name in made):
            yield {name: value for name, value in row.items() if value != ""}
