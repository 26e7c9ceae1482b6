"""What a folder that is no dataset looks like, and the command that would make one of it."""

import shlex
from collections import Counter
from pathlib import Path

from segscope.convert.layout import layout_names, pairs_layout, read_layout
from segscope.convert.scan import Source, find_cases, look_into
from segscope.convert.tables import described
from segscope.data.formats import image_ending
from segscope.errors import InputError

_MASK_WORDS = ("mask", "seg", "label", "gt", "truth", "annotation")


def describe_folder(folder: Path) -> str | None:
    """Say what a folder holds and how it is converted; None where nothing is recognised.

    The built-in layouts are tried by names of files only; then pairs of folders with equal names.
    """
    try:
        source = look_into(folder)
    except InputError:
        return None
    for name in layout_names():
        layout = read_layout(name)
        try:
            names, _ = described(layout, folder)
            found = find_cases(layout, source, names)
        except InputError:
            continue
        if len(found.cases) > 1 and not found.faults and not found.unexpected:
            return (
                f"looks like {layout.says or name}, {len(found.cases)} cases: "
                f"segscope data convert {shlex.quote(str(folder))} -o DATASET "
                f"--layout {name} makes a dataset of it"
            )
    return _pairs(source)


def _pairs(source: Source) -> str | None:
    images = [file for file in source.files if image_ending(Path(file)) and "/" in file]
    counts = Counter(file.rpartition("/")[0] for file in images)
    masks = [name for name in counts if any(w in name.lower() for w in _MASK_WORDS)]
    for mask in masks:
        for folder in counts:
            if folder in masks:
                continue
            found = find_cases(pairs_layout(folder, mask, {}), source, ())
            if found.cases and not found.faults:
                return (
                    f"{counts[folder]} images in {folder}, {counts[mask]} masks in {mask}: "
                    f"segscope data convert {shlex.quote(str(source.folder))} -o DATASET "
                    f"--images {shlex.quote(folder)} --masks {shlex.quote(mask)} "
                    "makes a dataset of it"
                )
    return None
