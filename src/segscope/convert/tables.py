"""What a download says of itself: its own ``dataset.json``, and tables beside the images."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segscope.convert.layout import Layout
from segscope.convert.scan import Source
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
    if layout.table is None:
        return {}
    files = [f for f in source.files if any(p.match(f) is not None for p in layout.table.file)]
    cells: dict[str, dict[str, str]] = {}
    for path in files:
        file = source.folder / path
        for row in csv.DictReader(read_text(file).splitlines()):
            if layout.table.case not in row:
                raise InputError(f"{file}: has no column {layout.table.case}")
            kept = {
                name: cell
                for name, cell in row.items()
                if name and (not layout.table.columns or name in layout.table.columns)
                and name != layout.table.case
            }  # fmt: skip
            key = str(row[layout.table.case])
            if cells.setdefault(key, kept) != kept:
                raise InputError(f"{file}: has {key} twice, with other values")
    return cells
