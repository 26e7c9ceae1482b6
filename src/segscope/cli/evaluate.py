"""``segscope evaluate``: score predictions against the truth."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segscope.data.description import Description
    from segscope.metrics import Summary


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Folder of label maps, or one file.")],
    truth: Annotated[Path, typer.Argument(help="Folder of label maps, or one file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for summary.json and metrics.csv.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            "-d",
            "--labels",
            "--dataset",
            help="Dataset (or its dataset.json) that names the labels; others are refused.",
        ),
    ] = None,
    convention: Annotated[
        str, typer.Option("--convention", help="default, or wmh2017 (the challenge's figures).")
    ] = "default",
    empty: Annotated[
        str, typer.Option("--empty", help="Overlap of two empty masks: nan or one.")
    ] = "nan",
    tolerance_mm: Annotated[
        float, typer.Option("--tolerance-mm", min=0.0, help="Of the surface Dice (NSD).")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Score predictions; a missing one counts as failed, is listed, and makes the exit code 1.

    Example: segscope evaluate predictions Dataset004/labelsTr -o evaluation
    """
    from segscope.data import Reading, json_ready, read_label, write_json, write_text
    from segscope.errors import InputError
    from segscope.metrics import evaluate_folders
    from segscope.paths import is_folder, is_there, make_folder

    if is_there(output) and not is_folder(output):
        raise InputError(f"{output}: is a file; name a folder for the results")
    described = None if labels is None else _description(labels)
    names = None if described is None else described.labels
    # truth of a dataset may hold values that dataset.json maps to labels; predictions are labels
    mapped = Reading() if described is None else Reading(label_mapping=described.label_mapping)
    # the challenge's label 2 need not be declared by a dataset of lesions
    declared = names if convention == "default" else None
    summary = evaluate_folders(
        predictions,
        truth,
        read=partial(read_label, labels=declared),
        read_truth=partial(read_label, labels=declared, reading=mapped),
        labels=names,
        empty=empty,
        tolerance_mm=tolerance_mm,
        convention=convention,
    )
    make_folder(output)
    write_json(output / "summary.json", summary.to_dict())
    write_text(output / "metrics.csv", summary.to_csv())
    if as_json:
        typer.echo(json.dumps(json_ready(summary.to_dict())))
    else:
        _print(summary)
        typer.echo(f"{output / 'summary.json'}  {output / 'metrics.csv'}")
    if summary.extra:
        typer.echo(f"predictions without truth, not scored: {', '.join(summary.extra)}", err=True)
    if summary.missing:
        typer.echo(
            f"missing predictions, counted as failed: {', '.join(summary.missing)}", err=True
        )
        raise typer.Exit(1)


def _description(source: Path) -> "Description":
    """Read a ``dataset.json`` alone: results and lists of labels have one without images."""
    from segscope.data import Problem
    from segscope.data.description import read_description
    from segscope.data.problems import refuse
    from segscope.errors import InputError
    from segscope.paths import is_there, kind_of

    if not is_there(source):
        raise InputError(f"{source}: no such folder or file; name a dataset or its dataset.json")
    kind = kind_of(source)
    if kind not in (None, "a folder") or (kind is None and source.name != "dataset.json"):
        said = kind or "no dataset.json"
        raise InputError(f"{source}: is {said}; name a dataset or its dataset.json")
    folder = source if kind else source.parent
    problems: list[Problem] = []
    found = read_description(folder, problems)
    refuse(str(folder), problems)
    if found is None:  # its problems say why, and are raised
        raise InputError(f"{folder}: is not a dataset")
    return found


def _print(summary: "Summary") -> None:
    for label, metrics in summary.by_label.items():
        typer.echo(f"label {label}")
        for name, found in metrics.items():
            notes = [f"n {found['n']}"] + [
                f"{found[key]} {key.replace('_', ' ')}"
                for key in (
                    "undefined",
                    "counted_as_worst",
                    "empty_in_truth",
                    "empty_in_prediction",
                    "missing",
                )
                if found[key]
            ]
            values = f"{found['mean']:9.4g}  sd {found['sd']:9.4g}  median {found['median']:9.4g}"
            typer.echo(f"  {name:17s} {values}  ({', '.join(notes)})")
