"""What a download says of itself: its own ``dataset.json``, and tables beside the images."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segscope.convert.layout import Layout, TableSource
from segscope.convert.scan import Found, Source
from segscope.convert.values import Values, parse_values
from segscope.errors import InputError
from segscope.paths import is_file, read_json, read_text


def described(layout: Layout, source: Path) -> tuple[tuple[str, ...], dict[str, Values]]:
    """Names of channels and values of labels: the layout's, else the download's.

    Returns:
        Channel names (none where the images' colours decide), and label name to values.

    Raises:
        InputError: The file that the layout names is not there, or says neither.
    """
    names, labels = tuple(layout.channels), dict(layout.labels)
    if layout.described is None:
        return names, labels
    file = source / layout.described
    if not is_file(file):
        raise InputError(f"{file}: is missing; the layout {layout.name} takes names from it")
    facts = read_json(file)
    if not isinstance(facts, dict):
        raise InputError(f"{file}: expected keys as modality and labels")
    channels = facts.get("channel_names") or facts.get("modality") or {}
    if isinstance(channels, Mapping):
        names = names or tuple(str(channels[k]) for k in sorted(channels, key=int))
    if not names:
        raise InputError(f"{file}: names no channels (modality or channel_names)")
    return names, labels or _labels(file, facts.get("labels"))


def _labels(file: Path, found: Any) -> dict[str, Values]:
    if not isinstance(found, Mapping) or not found:
        raise InputError(f"{file}: names no labels")
    try:
        if all(str(key).isdigit() for key in found):  # as the Decathlon has them: value to name
            pairs = {str(name): int(value) for value, name in found.items()}
        else:
            pairs = {str(name): value for name, value in found.items()}
        return {name: parse_values(value) for name, value in pairs.items()
                if name.lower() != "background" and value != 0}  # fmt: skip
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: labels are not understood ({error})") from None


def table_cells(layout: Layout, source: Source) -> dict[str, dict[str, str]]:
    """Cells of a layout's tables, by what its column of cases holds.

    Raises:
        InputError: No such table or column; a case is there twice with other cells.
    """
    cells: dict[str, dict[str, str]] = {}
    if layout.table is None:
        return cells
    for file, key, row in _rows(layout.table, source):
        kept = {
            name: cell
            for name, cell in row.items()
            if name and (not layout.table.columns or name in layout.table.columns)
            and name != layout.table.case
        }  # fmt: skip
        before = cells.setdefault(key, kept)
        if before is kept or before == kept:
            continue
        if not layout.table.rows_are_masks:
            raise InputError(f"{file}: has {key} twice, with other values")
        cells[key] = {name: f"{before[name]};{cell}" for name, cell in kept.items()}
    return cells


def check_rows(layout: Layout, source: Source, found: Found) -> tuple[str, ...]:
    """Faults of cases that have more or fewer masks than rows in a table that says one row each."""
    if layout.table is None or not layout.table.rows_are_masks:
        return ()
    rows = Counter(key for _, key, _ in _rows(layout.table, source))
    faults = []
    keys = set()
    for case in found.cases:
        key = layout.table.key.format(**case.fields)
        keys.add(key)
        masks = len(objects_of(layout, case.masks.get("", ())))
        if masks != rows[key]:
            faults.append(
                f"case {case.name}: has {masks} masks, and {rows[key]} rows in the tables"
            )
    faults += [f"{key}: is in a table, and no image is there" for key in sorted(rows.keys() - keys)]
    return tuple(faults)


def objects_of(layout: Layout, paths: Sequence[str]) -> dict[str, list[str]]:
    """Files of masks by the object that they are of."""
    found: dict[str, list[str]] = {}
    for path in paths:
        fields = next(f for p in layout.label if (f := p.match(path)) is not None)
        found.setdefault(fields.get("_object", path), []).append(path)
    return found


def _rows(table: TableSource, source: Source) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """Every row of every table: its file, what it says of the case's name, and its cells."""
    for path in source.files:
        if all(p.match(path) is None for p in table.file):
            continue
        file = source.folder / path
        for row in csv.DictReader(read_text(file).splitlines()):
            try:
                key = table.case.format(**row) if "{" in table.case else str(row[table.case])
            except KeyError as error:
                raise InputError(f"{file}: has no column {error.args[0]}") from None
            yield file, key, row
