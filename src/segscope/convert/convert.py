"""From a download to a dataset: find, check, place, describe; one that was killed goes on."""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from segscope import __version__
from segscope.convert.aim import Aim, take_aim
from segscope.convert.case_table import read_case_table
from segscope.convert.files import place_images
from segscope.convert.journal import Journal
from segscope.convert.labels import place_label
from segscope.convert.layout import Layout
from segscope.convert.scan import Found, FoundCase, find_cases, look_into
from segscope.convert.stacks import place_slices, slices_of
from segscope.convert.tables import check_rows, described, table_cells
from segscope.convert.values import Values
from segscope.data import write_json, write_text
from segscope.data.files import sha256_of
from segscope.data.workers import ordered_map
from segscope.errors import InputError
from segscope.paths import check_new_folder, make_folder
from segscope.progress import track

RECORD = "conversion.json"
_WORK = ".conversion"
_SHOWN = 12


@dataclass(frozen=True)
class Converted:
    """What became of a source.

    Args:
        folder: The dataset.
        layout: Name.
        channels: Names.
        labels: Name to value.
        training: Labelled cases.
        test: Cases without label.
        subjects: How many people, where the layout tells; else 0.
        rewritten: Notes on files that are not the source's bytes.
        unexpected: Files that nothing names.
        skipped: Files that the layout leaves out.
    """

    folder: Path
    layout: str
    channels: tuple[str, ...]
    labels: Mapping[str, int]
    training: int
    test: int
    subjects: int
    rewritten: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    skipped: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "folder": str(self.folder), "labels": dict(self.labels)}


def convert(
    source: Path,
    output: Path,
    layout: Layout,
    *,
    link: bool = False,
    jobs: int = 1,
    ignore_unexpected: bool = False,
) -> Converted:
    """Turn a folder into an nnU-Net v2 raw folder.

    Args:
        source: The download.
        output: New folder; one that a conversion was stopped in goes on.
        layout: How the source is laid out.
        link: Hard links where nothing is changed.
        jobs: Cases at a time.
        ignore_unexpected: Go on where files belong to nothing.

    Raises:
        InputError: Something is missing, twice, unexpected, or of unknown values; every fault of
            the names is said before a file is written, and every fault of a file at the end.
    """
    there = look_into(source)
    names, values = described(layout, source)
    found = find_cases(layout, there, names)
    found = replace(found, faults=(*found.faults, *check_rows(layout, there, found)))
    _check(found, layout, ignore_unexpected=ignore_unexpected)
    what = _Source(source, source, layout, found, table_cells(layout, there))
    return _carry_out(what, output, take_aim(layout, found, source, names, values, link=link), jobs)


def convert_table(
    table: Path,
    output: Path,
    labels: Mapping[str, Any],
    *,
    changes: Mapping[str, Any] | None = None,
    link: bool = False,
    jobs: int = 1,
) -> Converted:
    """Turn the files that a table names into an nnU-Net v2 raw folder.

    Args:
        table: See `read_case_table`.
        output: As of `convert`.
        labels: Name to value(s) in the label maps; by the values that are there where not given.
        changes: Keys of a layout, as ``overlap``.
        link: Hard links where nothing is changed.
        jobs: Cases at a time.

    Raises:
        InputError: With every fault of the table by row and column, or as of `convert`.
    """
    said = read_case_table(table, labels, changes)
    folder = table.parent
    aim = take_aim(said.layout, said.found, folder, said.channels, said.layout.labels, link=link)
    return _carry_out(_Source(table, folder, said.layout, said.found, {}), output, aim, jobs)


@dataclass(frozen=True)
class _Source:
    """What is converted: a folder or a table, where its paths start, its cases, more cells."""

    name: Path
    folder: Path
    layout: Layout
    found: Found
    cells: Mapping[str, Mapping[str, str]]


def _carry_out(what: _Source, output: Path, aim: Aim, jobs: int) -> Converted:
    _begin(output, what)
    journal = Journal(output / _WORK / "done.jsonl")
    left = [case for case in what.found.cases if case.name not in journal.notes]
    work = partial(_do, source=what.folder, output=output, aim=aim, layout=what.layout)
    faults = []
    with journal:
        outcomes = ordered_map(work, left, workers=jobs)
        for case, outcome in zip(left, track(outcomes, "converting", total=len(left)), strict=True):
            if isinstance(outcome, InputError):
                faults.append(f"case {case.name}: {outcome}")
            else:
                journal.add(case.name, outcome)
    if faults:
        raise InputError(f"{what.name}: {len(faults)} cases could not be converted:", faults)
    notes = [note for case in what.found.cases for note in journal.notes[case.name]]
    return _finish(output, what, aim, notes)


def _check(found: Found, layout: Layout, *, ignore_unexpected: bool) -> None:
    faults = list(found.faults)
    if not found.cases:
        faults.append(
            f"no file is like {layout.case[0].text}; look with segscope data convert --show "
            f"{layout.name}"
        )
    if found.unexpected and not ignore_unexpected:
        some = ", ".join(found.unexpected[:_SHOWN])
        more = f" and {len(found.unexpected) - _SHOWN} more" * (len(found.unexpected) > _SHOWN)
        faults.append(
            f"{len(found.unexpected)} files belong to no case: {some}{more}; name them in skip, or "
            "use --ignore-unexpected"
        )
    if faults:
        raise InputError(f"layout {layout.name} does not fit:", faults)


def _begin(output: Path, what: _Source) -> None:
    """Write what is done, or see that the same was begun here."""
    begun = output / _WORK / "begun.json"
    name = what.name.resolve()
    same = {"layout": _plain(what.layout), "source": str(name), "segscope": __version__}
    if name.is_file():
        same["table"] = sha256_of(name)
    if begun.is_file():
        if json.loads(begun.read_text("utf-8")) != json.loads(json.dumps(same)):
            raise InputError(f"{output}: another conversion was begun here; name a new folder")
        return
    check_new_folder(output)
    for part in ("imagesTr", "labelsTr", _WORK):
        make_folder(output / part)
    write_json(begun, same)


def _do(
    case: FoundCase, *, source: Path, output: Path, aim: Aim, layout: Layout
) -> list[str] | InputError:
    """Place one case; what is wrong with it is returned, so that others are done."""
    try:
        images = output / ("imagesTs" if case.test else "imagesTr")
        make_folder(images)
        if layout.stack == "cases":
            return place_slices(case, source, output, aim, layout)
        notes = place_images(case, source, images, aim, layout)
        if any(case.masks.values()) or (aim.outlines is not None and not case.test):
            first = images / f"{case.name}_0000{aim.image_ending}"
            notes += place_label(case, source, output / "labelsTr", first, aim, layout)
    except InputError as error:
        return error
    return notes


def _finish(output: Path, what: _Source, aim: Aim, notes: list[str]) -> Converted:
    """Describe the dataset; ``dataset.json`` comes last, as it makes the folder one."""
    layout, found = what.layout, what.found
    cases = list(found.cases)
    if layout.stack == "cases":
        cases = [one for case in cases for one in slices_of(case, output)]
    training = [case for case in cases if not case.test]
    subjects = {_subject(layout, case) for case in training} - {""}
    done = Converted(
        folder=output,
        layout=layout.name,
        channels=aim.channels,
        labels=dict(aim.classes),
        training=len(training),
        test=len(cases) - len(training),
        subjects=len(subjects),
        rewritten=tuple(notes),
        unexpected=found.unexpected,
        skipped=found.skipped,
    )
    write_text(output / "cases.csv", _table(what, training))
    hashes = {path: sha256_of(what.folder / path) for case in found.cases if not case.test
              for path in case.images if not path.endswith("/")}  # fmt: skip
    write_json(
        output / RECORD,
        {"segscope": __version__, "rules": _plain(layout), "sources": hashes, **done.to_dict(),
         "folder": output.name},
    )  # fmt: skip
    facts: dict[str, Any] = {
        "name": output.name,
        "channel_names": {str(k): name for k, name in enumerate(aim.channels)},
        "labels": dict(aim.classes),
        "numTraining": len(training),
        "file_ending": aim.image_ending,
    }
    if aim.label_ending != aim.image_ending:
        facts["label_file_ending"] = aim.label_ending
    write_json(output / "dataset.json", facts)
    shutil.rmtree(output / _WORK)
    return done


def _subject(layout: Layout, case: FoundCase) -> str:
    """Who a case is of; nobody knows where neither layout nor table says."""
    if layout.subject_of_two:
        return str((int(case.fields[layout.subject_of_two]) + 1) // 2)
    if not layout.subject:
        return case.fields.get("subject", "")
    return "_".join(case.fields[name] for name in layout.subject)


def _table(what: _Source, cases: list[FoundCase]) -> str:
    """``cases.csv``: what names and tables say of cases."""
    layout, more = what.layout, what.cells
    rows = []
    for case in cases:
        row = {"case": case.name}
        if subject := _subject(layout, case):
            row["subject"] = subject
        row |= {name: value for name, value in case.fields.items() if name not in row}
        key = layout.table.key.format(**case.fields) if layout.table else ""
        row |= {name: cell for name, cell in more.get(key, {}).items() if name not in row}
        rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(layout: Layout) -> dict[str, Any]:
    return json.loads(json.dumps(asdict_of(layout)))


def asdict_of(layout: Layout) -> dict[str, Any]:
    """A layout as plain values, patterns as their text."""
    return {
        name: _text(value)
        for name, value in layout
        if value not in (None, (), {}, "", False, Values(()))
    }


def _text(value: Any) -> Any:
    if isinstance(value, Values):
        return [f"{low}..{high}" for low, high in value.ranges]
    if isinstance(value, Mapping):
        return {name: _text(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_text(one) for one in value]
    if hasattr(value, "text"):
        return value.text
    return {name: _text(v) for name, v in value} if isinstance(value, BaseModel) else value
