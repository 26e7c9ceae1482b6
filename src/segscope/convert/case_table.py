"""A table of paths: one row a case, columns for images, label, subject, centre and split."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.convert.aim import ending_of
from segscope.convert.layout import Layout, make_layout
from segscope.convert.scan import Found, FoundCase
from segscope.data.formats import image_ending
from segscope.errors import InputError
from segscope.paths import is_file, is_folder, read_text

_SPLITS = {"train": False, "training": False, "val": False, "valid": False, "validation": False,
           "test": True}  # fmt: skip


@dataclass(frozen=True)
class CaseTable:
    """What a table of paths says.

    Args:
        layout: With its labels, and nothing to search for.
        found: Its cases; paths start from the table's folder.
        channels: Names of the columns of images; none where there is one, called ``image``.
    """

    layout: Layout
    found: Found
    channels: tuple[str, ...]


def read_case_table(
    file: Path, labels: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> CaseTable:
    """Read a table of paths.

    Its columns are ``image``, or ``image_FLAIR``, ``image_T1`` ... for channels in files of their
    own; ``label``; and where they are there ``case``, ``subject``, ``centre`` and ``split`` (train,
    val or test; val counts as training and is kept as a column). Others go to ``cases.csv``.

    Args:
        file: CSV, or ``.tsv``. Paths are relative to it.
        labels: Name to value(s) in the label maps.
        changes: More keys of a layout.

    Raises:
        InputError: With every fault, by row (as a text editor counts lines) and column.
    """
    rows, columns = _rows(file)
    images = [name for name in columns if name == "image" or name.startswith("image_")]
    faults = _columns_faults(columns, images)
    if not faults:
        names = _case_names(rows, images[0])
        faults += _name_faults(names, "case" if "case" in columns else images[0])
        found = [
            _case(row, line, name, images, file.parent, faults)
            for (line, row), name in zip(rows, names, strict=True)
        ]
        faults += _mixed_subjects(rows)
    if faults:
        raise InputError(f"{file}: {len(faults)} faults:", faults)
    layout = make_layout(
        {"name": "table", "says": file.name, "case": "{case}", "label": "{case}",
         "labels": dict(labels), **(changes or {})},
        "--table",
    )  # fmt: skip
    channels = () if images == ["image"] else tuple(n.removeprefix("image_") for n in images)
    ordered = tuple(sorted(found, key=lambda case: case.name))
    return CaseTable(layout, Found(ordered, (), (), ()), channels)


def _rows(file: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Rows that say anything, with the line that each begins on, and the columns' names."""
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    reader = csv.reader(read_text(file).splitlines(keepends=True), delimiter=delimiter)
    columns = [name.strip() for name in next(reader, [])]
    rows: list[tuple[int, dict[str, str]]] = []
    faults = []
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                faults.append(f"row {line}: has {len(cells)} cells, the first row {len(columns)}")
            row = {n: cell.strip() for n, cell in zip(columns, cells, strict=False)}
            rows.append((line, row))
        line = reader.line_num + 1
    if not rows:
        faults.append("has no row of cases")
    if faults:
        raise InputError(f"{file}: {len(faults)} faults:", faults)
    return rows, columns


def _columns_faults(columns: Sequence[str], images: Sequence[str]) -> list[str]:
    faults = []
    if len(columns) == 1 and ";" in columns[0]:
        return ["row 1: cells are separated by ';', expected ','; save it as CSV with commas"]
    for name, count in Counter(columns).items():
        if count > 1 or not name:
            faults.append(f"row 1: the column {name or 'without a name'} is there {count} times")
    if not images:
        faults.append(
            f"row 1: has no column image, nor image_NAME for channels in files of their own, only "
            f"{', '.join(columns)}"
        )
    if "image" in images and len(images) > 1:
        faults.append(f"row 1: has a column image and {images[-1]}; name all channels image_NAME")
    if "label" not in columns:
        faults.append("row 1: has no column label; add it (empty for cases of the split test)")
    return faults


def _case_names(rows: Sequence[tuple[int, dict[str, str]]], image: str) -> list[str]:
    """The column ``case``, else names of files, with their folders where those are not enough."""
    if "case" in rows[0][1]:
        return ["_".join(row["case"].replace("/", "_").split()) for _, row in rows]
    paths = [Path(row[image]) for _, row in rows]
    stems = [path.name[: -len(image_ending(path) or "") or None] for path in paths]
    names = [stem.removesuffix("_0000") for stem in stems]
    if len(set(names)) < len(names):
        folders = [path.parent.parts for path in paths]
        names = ["_".join((*parts, name)) for parts, name in zip(folders, names, strict=True)]
    return ["_".join(name.replace("..", "").replace("/", "_").split()) for name in names]


def _name_faults(names: Sequence[str], column: str) -> list[str]:
    counts = Counter(names)
    return [f"column {column}: {name or 'an empty name'} is the name of {count} cases"
            for name, count in counts.items() if count > 1 or not name]  # fmt: skip


def _case(
    row: Mapping[str, str],
    line: int,
    name: str,
    images: Sequence[str],
    folder: Path,
    faults: list[str],
) -> FoundCase:
    split = row.get("split", "").lower()
    if "split" in row and split not in _SPLITS:
        faults.append(f"row {line}, column split: is {row['split']!r}, expected train, val or test")
    test = _SPLITS.get(split, False)
    paths = tuple(_path(row[column], line, column, folder, faults) for column in images)
    masks: dict[str, tuple[str, ...]] = {}
    if row["label"]:
        masks = {"": (_path(row["label"], line, "label", folder, faults, label=True),)}
        if test:
            faults.append(
                f"row {line}, column label: a case of the split test has none; leave it empty, "
                "evaluate takes the file"
            )
    elif not test:
        faults.append(f"row {line}, column label: is empty, and the case is not of the split test")
    fields = {key: cell for key, cell in row.items() if key not in (*images, "case", "label")}
    return FoundCase(name, fields, paths, masks, test)


def _path(
    cell: str, line: int, column: str, folder: Path, faults: list[str], *, label: bool = False
) -> str:
    """A path as cases have them: of a series' folder with a slash at its end."""
    if not cell:
        faults.append(f"row {line}, column {column}: is empty")
        return cell
    if is_folder(folder / cell) and not label:
        return f"{cell.rstrip('/')}/"
    if not is_file(folder / cell):
        faults.append(f"row {line}, column {column}: {cell}: no such file beside the table")
        return cell
    if not label:
        try:
            ending_of(cell)
        except InputError as error:
            faults.append(f"row {line}, column {column}: {error}")
    return cell


def _mixed_subjects(rows: Sequence[tuple[int, dict[str, str]]]) -> list[str]:
    """People on both sides of the test: what is learnt of them would be measured on them."""
    sides: dict[str, tuple[int, bool]] = {}
    faults = []
    for line, row in rows:
        subject, test = row.get("subject"), _SPLITS.get(row.get("split", "").lower(), False)
        if not subject:
            continue
        first, other = sides.setdefault(subject, (line, test))
        if other != test:
            faults.append(
                f"row {line}, column split: subject {subject} is in test and, in row {first}, in "
                "training" if test else
                f"row {line}, column split: subject {subject} is in training and, in row {first}, "
                "in test"
            )  # fmt: skip
    return faults
