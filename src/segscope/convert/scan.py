"""Every file below a source: of a case, of what is skipped, or unexpected; nothing is guessed."""

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segscope.convert.layout import Layout
from segscope.convert.pattern import Pattern
from segscope.errors import InputError
from segscope.paths import said_of

_FIELD = re.compile(r"\{label(?::[^{}]*)?\}")
_NEVER = ("._", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", "__MACOSX")
"""What systems leave behind; names begin so."""


@dataclass(frozen=True)
class Source:
    """What a folder holds: paths relative to it, with ``/`` between.

    Args:
        folder: The source.
        files: Sorted; without what systems leave behind.
        folders: The same, each with a ``/`` at its end.
        cut: Whether there is more than was looked at.
    """

    folder: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    cut: bool = False


@dataclass(frozen=True)
class FoundCase:
    """One case's files, relative to the source.

    Args:
        name: Unique.
        fields: What the names of its files say.
        images: One per file of channels.
        masks: Class to its files; one class ``""`` for a label map.
        test: Whether it has no label by its layout.
    """

    name: str
    fields: Mapping[str, str]
    images: tuple[str, ...]
    masks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    test: bool = False


@dataclass(frozen=True)
class Found:
    """What a layout finds in a source.

    Args:
        cases: Sorted by name.
        faults: What is missing or there twice, one line each.
        unexpected: Files that nothing names.
        skipped: Files that ``skip`` names.
    """

    cases: tuple[FoundCase, ...]
    faults: tuple[str, ...]
    unexpected: tuple[str, ...]
    skipped: tuple[str, ...]


def look_into(folder: Path, *, most: int | None = None) -> Source:
    """List a source, folder by folder, those near the top first.

    Args:
        folder: The source.
        most: Stop after so many files and folders; the source is then ``cut``.

    Raises:
        InputError: No such folder, nothing in it, or a part of it that may not be listed (where
            all of it is asked for).
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the download that shall be converted")
    files: list[str] = []
    folders: list[str] = []
    waiting = deque([""])
    cut = False
    while waiting and not cut:
        prefix = waiting.popleft()
        for entry in _entries(folder / prefix, lenient=most is not None):
            if most is not None and len(files) + len(folders) >= most:
                cut = True
                break
            if not entry.is_dir():
                files.append(f"{prefix}{entry.name}")
                continue
            folders.append(f"{prefix}{entry.name}/")
            if not entry.is_symlink():  # links may lead round in circles
                waiting.append(folders[-1])
    if not files:
        raise InputError(f"{folder}: holds no file; name the download that shall be converted")
    return Source(folder, tuple(sorted(files)), tuple(sorted(folders)), cut)


def _entries(folder: Path, *, lenient: bool) -> Iterator["os.DirEntry[str]"]:
    """What lies in a folder and is not a system's; one after the other, as there may be many."""
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith(_NEVER):
                    yield entry
    except OSError as error:
        if not lenient:
            raise InputError(f"{folder}: {said_of(error)}") from None


def channel_patterns(layout: Layout, names: Sequence[str]) -> list[tuple[Pattern, ...]]:
    """Patterns of a case's image files: one entry per file."""
    if layout.numbered is not None:
        numbered = [layout.numbered.replace("{channel}", f"{k:04d}") for k in range(len(names))]
        return [(Pattern(text),) for text in numbered]
    if not layout.channels:
        return [layout.case]
    return list(dict.fromkeys(layout.channels.values()))


def find_cases(layout: Layout, source: Source, names: Sequence[str]) -> Found:
    """Find every case of a source, and every file that belongs to none.

    Args:
        layout: What to look for.
        source: Where.
        names: Of the channels, where ``layout.numbered`` needs them.
    """
    used: set[str] = set()
    faults: list[str] = []
    keys = _cases(layout, source, faults)
    identity = tuple(next(iter(keys.values()), {}))
    images = [_by_case(p, source, identity, used) for p in channel_patterns(layout, names)]
    masks = {
        label: _by_case(patterns, source, identity, used)
        for label, patterns in _mask_patterns(layout, source).items()
        if patterns
    }
    found = []
    for name, fields in keys.items():
        own = [_one(files, fields, faults, name, "image") for files in images]
        labels = {label: files.of(fields) for label, files in masks.items()}
        if masks and not any(labels.values()):
            faults.append(f"case {name}: has no label ({_shown(layout)})")
        found.append(FoundCase(name, fields, tuple(f for f in own if f), labels))
    found += _tests(layout, source, used, faults, set(keys))
    return _with_rest(layout, source, found, faults, used)


def _mask_patterns(layout: Layout, source: Source) -> dict[str, tuple[Pattern, ...]]:
    """Class to the patterns of its masks; one class ``""`` for a label map."""
    if not layout.classes_by:
        return layout.per_class or {"": layout.label}
    labels = sorted({fields["label"] for _, fields in _matches(layout.classes_by, source)})
    parts = [_FIELD.split(pattern.text) for pattern in layout.classes_by]
    return {label: tuple(Pattern(label.join(part)) for part in parts) for label in labels}


@dataclass
class _Files:
    """Files by the fields that they share with cases."""

    shared: tuple[str, ...]
    files: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def of(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(self.files.get(tuple(fields[name] for name in self.shared), ()))


def _by_case(
    patterns: Sequence[Pattern], source: Source, identity: Sequence[str], used: set[str]
) -> _Files:
    shared = tuple(n for n in identity if all(n in p.fields for p in patterns))
    found = _Files(shared)
    for path, fields in _matches(patterns, source):
        key = tuple(fields[name] for name in shared)
        found.files.setdefault(key, []).append(path)
        used.add(path)
        if path.endswith("/"):
            used.update(f for f in source.files if f.rpartition("/")[0] + "/" == path)
    return found


def _matches(
    patterns: Sequence[Pattern], source: Source
) -> Iterator[tuple[str, Mapping[str, str]]]:
    for path in (*source.files, *source.folders):
        for pattern in patterns:
            fields = pattern.match(path) if pattern.is_folder == path.endswith("/") else None
            if fields is not None:
                yield path, fields
                break


def _cases(layout: Layout, source: Source, faults: list[str]) -> dict[str, dict[str, str]]:
    """Every case's name and fields, those that begin with ``_`` left out."""
    found: dict[str, dict[str, str]] = {}
    places: dict[str, str] = {}
    for path, fields in _matches(layout.case, source):
        own = {name: value for name, value in fields.items() if not name.startswith("_")}
        name = case_name(layout, own)
        if name in found:
            faults.append(
                f"{path}: would be case {name}, as {places[name]} is; name_as tells apart"
            )
            continue
        found[name], places[name] = own, path
    return dict(sorted(found.items()))


def case_name(layout: Layout, fields: Mapping[str, str]) -> str:
    """What a case is called: no blanks, which scripts of others stumble over."""
    text = layout.name_as.format(**fields) if layout.name_as else "_".join(fields.values())
    return "_".join(text.replace("/", "_").split())


def _one(
    files: _Files, fields: Mapping[str, str], faults: list[str], name: str, what: str
) -> str | None:
    own = files.of(fields)
    if len(own) == 1:
        return own[0]
    said = "is missing" if not own else f"is there {len(own)} times ({', '.join(own[:3])})"
    faults.append(f"case {name}: {what} {said}")
    return None


def _tests(
    layout: Layout, source: Source, used: set[str], faults: list[str], taken: set[str]
) -> Iterator[FoundCase]:
    for path, fields in _matches(layout.test, source):
        own = {name: value for name, value in fields.items() if not name.startswith("_")}
        name = case_name(layout, own)
        if name in taken:
            faults.append(f"{path}: would be case {name}, which another file is already")
            continue
        taken.add(name)
        used.add(path)
        yield FoundCase(name, own, (path,), test=True)


def _with_rest(
    layout: Layout,
    source: Source,
    cases: Iterable[FoundCase],
    faults: list[str],
    used: set[str],
) -> Found:
    left = [file for file in source.files if file not in used]
    tables = layout.table.file if layout.table else ()
    named = {
        p for p, _ in _matches((*layout.skip, *tables), Source(source.folder, tuple(left), ()))
    }
    said = [place for place in (layout.described, layout.annotations) if place]
    named |= {f for f in left for place in said if f == place or f.startswith(f"{place}/")}
    return Found(
        tuple(sorted(cases, key=lambda case: case.name)),
        tuple(faults),
        tuple(file for file in left if file not in named),
        tuple(sorted(named)),
    )


def _shown(layout: Layout) -> str:
    patterns = layout.label or tuple(p for group in layout.per_class.values() for p in group)
    return " or ".join(pattern.text for pattern in patterns[:2])
