"""``segscope data convert``: a folder as people have it becomes a dataset."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segscope.errors import InputError

if TYPE_CHECKING:
    from segscope.convert import Converted, Layout


def convert(
    source: Annotated[Path | None, typer.Argument(help="Folder as it was downloaded.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="New folder of the dataset.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help="Name of a layout, or a YAML file of yours.")
    ] = None,
    images: Annotated[
        str | None, typer.Option("--images", help="Folder of images, below the source.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option("--masks", help="Folder of masks with the images' names.")
    ] = None,
    annotations: Annotated[
        str | None,
        typer.Option("--annotations", help="COCO or VIA file, or folder of LabelMe, for --images."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="NAME=VALUE of the masks, NAME=LOW..HIGH, or NAME=WORD* of named objects; repeat.",
        ),
    ] = None,
    label_names: Annotated[
        Path | None,
        typer.Option("--label-names", help="Label description file of ITK-SNAP, for --label."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="CSV of paths: image (or image_NAME ...), label, subject."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the layout, as overlap=later; repeat."),
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Hard links instead of copies.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Cases at a time.")] = 1,
    ignore_unexpected: Annotated[
        bool, typer.Option("--ignore-unexpected", help="Leave out files that belong to no case.")
    ] = False,
    show: Annotated[
        str | None, typer.Option("--show", help="Print a layout, to start one of your own.")
    ] = None,
    list_layouts: Annotated[bool, typer.Option("--list", help="Name the layouts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn a download, or folders of images and masks, into a dataset, and check it.

    Example: segscope data convert skin -o Dataset001_Skin --images images --masks masks
    """
    if list_layouts or show is not None:
        _print_layouts(show)
        return
    if (source is None) == (table is None) or output is None:
        raise InputError(
            "SOURCE and -o are needed, or --table CSV and -o; or --list, or --show NAME"
        )
    changes, values = _changes(label or [], label_names, settings or [])
    from segscope import convert as rooms

    if table is not None:
        if any((layout, images, masks, annotations)):
            raise InputError("--table names all files; leave --layout, --images and --masks out")
        done = rooms.convert_table(table, output, values, changes=changes, link=link, jobs=jobs)
    elif source is not None:
        chosen = _layout(source, layout, images, masks, annotations, values, changes)
        done = rooms.convert(
            source, output, chosen, link=link, jobs=jobs, ignore_unexpected=ignore_unexpected
        )
    typer.echo(json.dumps(done.to_dict()) if as_json else "\n".join(_lines(done)))
    _check(output)


def _print_layouts(show: str | None) -> None:
    from segscope.convert.layout import layout_names, layout_text, read_layout

    if show is not None:
        typer.echo(layout_text(show).rstrip())
        return
    for name in layout_names():
        typer.echo(f"{name:16s} {read_layout(name).says}")


def _changes(
    labels: list[str], names: Path | None, settings: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keys of the layout that are set, and values of labels."""
    from yaml import YAMLError, safe_load

    from segscope.convert import read_label_names

    changes: dict[str, Any] = {}
    values: dict[str, Any] = {} if names is None else dict(read_label_names(names))
    for text in labels:
        name, _, value = text.partition("=")
        if not name or not value:
            raise InputError(f"--label {text}: expected NAME=VALUE, NAME=LOW..HIGH or NAME=WORD*")
        if any(letter.isalpha() for letter in value):
            changes.setdefault("objects", {}).setdefault(name, []).append(value)
        else:
            values[name] = value
    for text in settings:
        key, _, value = text.partition("=")
        try:
            changes[key] = safe_load(value)
        except YAMLError as error:
            raise InputError(f"--set {text}: is no value ({error})".replace("\n", " ")) from None
        if not key or changes[key] is None:
            raise InputError(f"--set {text}: expected KEY=VALUE")
    return changes, values


def _layout(
    source: Path,
    layout: str | None,
    images: str | None,
    masks: str | None,
    annotations: str | None,
    values: dict[str, Any],
    changes: dict[str, Any],
) -> "Layout":
    from segscope.convert import pairs_layout, read_layout

    if (layout is None) == (not any((images, masks, annotations))):
        raise InputError("name the folders by --images and --masks, or a --layout (see --list)")
    if layout is not None:
        return read_layout(layout, {**changes, **({"labels": values} if values else {})})
    if images is None or (masks is None) == (annotations is None):
        raise InputError("--images belongs together with either --masks or --annotations")
    if annotations is not None:  # objects have names of their own; given ones are all there may be
        values = {name: k for k, name in enumerate(values or changes.pop("objects", {}), 1)}
    below = None if masks is None else masks.strip("/")
    return pairs_layout(
        images.strip("/"),
        below,
        values,
        annotations=annotations,
        series=_holds_folders(source / images),
        changes=changes,
    )


def _holds_folders(folder: Path) -> bool:
    """Whether a folder of images holds folders alone, of DICOM series then."""
    if not folder.is_dir():
        return False
    there = [one for one in folder.iterdir() if not one.name.startswith(".")]
    return bool(there) and all(one.is_dir() for one in there)


def _lines(done: "Converted") -> list[str]:
    subjects = done.subjects or "unknown, so each case counts as one of its own"
    lines = [
        f"{done.training} labelled cases, {done.test} without label",
        f"channels: {', '.join(done.channels)}",
        "labels: " + ", ".join(f"{value} {name}" for name, value in done.labels.items()),
        f"subjects: {subjects}",
    ]
    kinds = Counter(note.partition(": ")[2] for note in done.rewritten)
    lines += [f"{count} files: {kind}" for kind, count in kinds.items()]
    if done.unexpected:
        lines.append(f"left out, as nothing names them: {len(done.unexpected)} files")
    return [*lines, f"dataset: {done.folder}"]


def _check(output: Path) -> None:
    """Look at the dataset as ``data check`` does; its faults are those of the source."""
    from segscope.data import check_dataset

    report = check_dataset(output)
    if report.problems:
        raise InputError(
            f"{output}: is converted, and has {len(report.problems)} problems:",
            [f"{p.file}: {p.fault}; {p.remedy}" for p in report.problems[:20]],
        )
    said = f" ({len(report.warnings)} warnings; see segscope data check)" if report.warnings else ""
    typer.echo(f"checked, no problem{said}; next: segscope train {output} -o RUN", err=True)
