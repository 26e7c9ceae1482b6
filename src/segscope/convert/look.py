"""What a folder that is no dataset looks like, and the command that would make one of it."""

import shlex
from collections import defaultdict
from itertools import islice, product
from pathlib import Path

from segscope.convert.layout import Layout, layout_names, pairs_layout, read_layout
from segscope.convert.scan import Source, find_cases, look_into
from segscope.convert.tables import described
from segscope.data.formats import image_ending
from segscope.errors import InputError

_MASK_WORDS = ("mask", "seg", "label", "gt", "truth", "annotation")
_MOST_FILES = 10_000
_MOST_PAIRS = 200


def describe_folder(folder: Path) -> str | None:
    """Say what a folder holds and how it is converted; None where nothing is recognised.

    The built-in layouts are tried by names of files only; then pairs of folders with equal names.
    Of a folder with very many files, as a person's own, only the first are looked at.

    Args:
        folder: Of any size.
    """
    try:
        source = look_into(folder, most=_MOST_FILES)
    except InputError:
        return None
    said = _download(source) or _pairs(source)
    if not source.cut:
        return said
    first = f"of its files and folders, the first {_MOST_FILES:,} were looked at"
    return f"{first}: {said or 'no known download; name the folder of one dataset'}"


def _download(source: Source) -> str | None:
    for name in layout_names():
        layout = read_layout(name)
        count = _count(layout, source)
        if count > 1:
            return (
                f"looks like {layout.says or name}, {count} cases: "
                f"segscope data convert {shlex.quote(str(source.folder))} -o DATASET "
                f"--layout {name} makes a dataset of it"
            )
    return None


def _count(layout: Layout, source: Source) -> int:
    """How many cases a layout finds, where it explains every file."""
    paths = source.folders if layout.case[0].is_folder else source.files
    if not any(pattern.match(path) for path in paths for pattern in layout.case):
        return 0
    try:
        names, _ = described(layout, source.folder)
        found = find_cases(layout, source, names)
    except InputError:
        return 0
    # of a part of a folder, a mask may lie among what was not looked at
    whole = source.cut or not found.faults
    return len(found.cases) if whole and not found.unexpected else 0


def _pairs(source: Source) -> str | None:
    folders: dict[str, list[str]] = defaultdict(list)
    for file in source.files:
        if "/" in file and image_ending(Path(file)):
            folders[file.rpartition("/")[0]].append(file)
    masks = [name for name in folders if any(w in name.lower() for w in _MASK_WORDS)]
    others = [name for name in folders if name not in set(masks)]
    for mask, folder in islice(product(masks, others), _MOST_PAIRS):
        both = Source(source.folder, tuple(folders[folder] + folders[mask]), ())
        found = find_cases(pairs_layout(folder, mask, {}), both, ())
        if len(found.cases) > 1 and not found.faults:
            return (
                f"{len(folders[folder])} images in {folder}, {len(folders[mask])} masks in {mask}: "
                f"segscope data convert {shlex.quote(str(source.folder))} -o DATASET "
                f"--images {shlex.quote(folder)} --masks {shlex.quote(mask)} "
                "makes a dataset of it"
            )
    return None
