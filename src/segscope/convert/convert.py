"""From a download to a dataset: find, check, place, describe; one that was killed goes on."""

import csv
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from segscope import __version__
from segscope.convert.files import Aim, common_ending, place_images, place_label, read_mask
from segscope.convert.journal import Journal
from segscope.convert.layout import Layout
from segscope.convert.polygons import Outline, read_annotations
from segscope.convert.scan import Found, FoundCase, Source, find_cases, look_into
from segscope.convert.tables import described, table_cells
from segscope.convert.values import Values, values_in
from segscope.data import read_image, write_json, write_text
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
    _check(found, layout, ignore_unexpected=ignore_unexpected)
    aim = _aim(layout, found, source, names, values, link=link)
    _begin(output, layout, source)
    journal = Journal(output / _WORK / "done.jsonl")
    left = [case for case in found.cases if case.name not in journal.notes]
    work = partial(_do, source=source, output=output, aim=aim, layout=layout)
    faults = []
    with journal:
        outcomes = ordered_map(work, left, workers=jobs)
        for case, outcome in zip(left, track(outcomes, "converting", total=len(left)), strict=True):
            if isinstance(outcome, InputError):
                faults.append(f"case {case.name}: {outcome}")
            else:
                journal.add(case.name, outcome)
    if faults:
        raise InputError(f"{source}: {len(faults)} cases could not be converted:", faults)
    notes = [note for case in found.cases for note in journal.notes[case.name]]
    return _finish(output, layout, there, found, aim, notes)


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


def _aim(
    layout: Layout,
    found: Found,
    source: Path,
    names: tuple[str, ...],
    values: Mapping[str, Values],
    *,
    link: bool,
) -> Aim:
    images = [path for case in found.cases for path in case.images]
    masks = [p for case in found.cases for files in case.masks.values() for p in files]
    ending = common_ending(images)
    if not names:
        count = len(read_image(source / images[0]).array)
        names = ("image",) if count == 1 else ("R", "G", "B")[:count]
    label_ending = common_ending(masks, labels=True) if masks else ending
    if ending != ".jpg" and label_ending != ending:
        label_ending = ".png" if ending in (".png", ".tif", ".bmp") else ending
    if not values and masks and layout.label:
        values = _values_of(masks, source)
    outlines = _outlines(layout, found, source)
    if outlines is not None:
        objects = sorted({one.label for drawn in outlines.values() for one in drawn})
        label_ending = ".png"
    elif layout.classes_by:
        objects = sorted({label for case in found.cases for label in case.masks})
    else:
        objects = list(layout.per_class)
    listed = [n for n in (values or dict.fromkeys(objects)) if n != "background"]
    classes = {"background": 0, **{name: k for k, name in enumerate(listed, 1)}}
    return Aim(names, values, classes, ending, label_ending, link, outlines)


def _outlines(layout: Layout, found: Found, source: Path) -> Mapping[str, Sequence[Outline]] | None:
    """Objects of every picture; one that the file does not list was perhaps never looked at."""
    if layout.annotations is None:
        return None
    drawn = read_annotations(source / layout.annotations)
    pictures = {path.rpartition("/")[2] for case in found.cases for path in case.images}
    faults = [f"{name}: has no outlines; list it without objects if it has none"
              for name in sorted(pictures - drawn.keys())]  # fmt: skip
    faults += [f"{name}: has outlines, and is no picture of a case"
               for name in sorted(drawn.keys() - pictures)]  # fmt: skip
    if faults:
        raise InputError(f"{layout.annotations}: does not fit the pictures:", faults)
    return drawn


def _values_of(masks: list[str], source: Path) -> dict[str, Values]:
    """Name the values that masks hold, where nobody did."""
    there = sorted({int(v) for path in masks for v in values_in(read_mask(source / path).array)})
    objects = [value for value in there if value != 0]
    if len(objects) > 50:
        raise InputError(
            f"masks hold {len(there)} values, from {there[0]} to {there[-1]}: grey levels, as JPEG "
            "leaves them? Say which are what: --label background=0..127 --label NAME=128..255"
        )
    names = ["foreground"] if len(objects) == 1 else [f"label_{value}" for value in objects]
    return {name: Values(((v, v),)) for name, v in zip(names, objects, strict=True)}


def _begin(output: Path, layout: Layout, source: Path) -> None:
    """Write what is done, or see that the same was begun here."""
    begun = output / _WORK / "begun.json"
    same = {"layout": _plain(layout), "source": str(source.resolve()), "segscope": __version__}
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
        notes = place_images(case, source, images, aim, layout)
        if any(case.masks.values()) or (aim.outlines is not None and not case.test):
            notes += place_label(case, source, output / "labelsTr", aim, layout)
    except InputError as error:
        return error
    return notes


def _finish(
    output: Path, layout: Layout, there: Source, found: Found, aim: Aim, notes: list[str]
) -> Converted:
    """Describe the dataset; ``dataset.json`` comes last, as it makes the folder one."""
    training = [case for case in found.cases if not case.test]
    subjects = {_subject(layout, case) for case in training} if layout.subject else set()
    done = Converted(
        folder=output,
        layout=layout.name,
        channels=aim.channels,
        labels=dict(aim.classes),
        training=len(training),
        test=len(found.cases) - len(training),
        subjects=len(subjects),
        rewritten=tuple(notes),
        unexpected=found.unexpected,
        skipped=found.skipped,
    )
    write_text(output / "cases.csv", _table(layout, there, training))
    hashes = {path: sha256_of(there.folder / path) for case in training
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
    return "_".join(case.fields[name] for name in layout.subject)


def _table(layout: Layout, there: Source, cases: list[FoundCase]) -> str:
    """``cases.csv``: what names and tables say of cases."""
    more = table_cells(layout, there)
    rows = []
    for case in cases:
        row = {"case": case.name}
        if layout.subject:
            row["subject"] = _subject(layout, case)
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
    return {name: _text(v) for name, v in value} if hasattr(value, "model_fields") else value
