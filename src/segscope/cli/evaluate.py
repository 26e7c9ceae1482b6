"""``segscope evaluate``: score predictions against the truth."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segscope.metrics import Summary

_NAMED = 20
Convention = Annotated[
    str, typer.Option("--convention", help="default, or wmh2017 (the challenge's figures).")
]
Empty = Annotated[str, typer.Option("--empty", help="Overlap of two empty masks: nan or one.")]


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
    convention: Convention = "default",
    empty: Empty = "nan",
    tolerance_mm: Annotated[
        float, typer.Option("--tolerance-mm", min=0.0, help="Of the surface Dice (NSD).")
    ] = 1.0,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Also measure one of an installed package; repeat."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every metric.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Score predictions; a missing one counts as failed, is listed, and makes the exit code 1.

    Example: segscope evaluate predictions Dataset004/labelsTr -o evaluation
    """
    from segscope.workflows.evaluate import EvaluateOptions
    from segscope.workflows.evaluate import evaluate as run_evaluate

    options = EvaluateOptions(
        labels=labels,
        convention=convention,
        empty=empty,
        tolerance_mm=tolerance_mm,
        metrics=tuple(metric or ()),
    )
    summary = run_evaluate(predictions, truth, output, options)
    if as_json:
        from segscope.data import json_ready

        typer.echo(json.dumps(json_ready(summary.to_dict())))
    else:
        _print(summary, every=every)
        typer.echo(f"every metric and case: {output / 'summary.json'}  {output / 'metrics.csv'}")
    if summary.extra:
        typer.echo(f"predictions without truth, not scored: {_some(summary.extra)}", err=True)
    if summary.missing:
        typer.echo(f"missing predictions, counted as failed: {_some(summary.missing)}", err=True)
        raise typer.Exit(1)


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more (summary.json)" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _print(summary: "Summary", *, every: bool) -> None:
    from segscope.metrics.outcome import outcome_of
    from segscope.workflows.endings import outcome_lines

    for line in outcome_lines(outcome_of(summary)):
        typer.echo(line)
    if every:
        _print_all(summary)


def _print_all(summary: "Summary") -> None:
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
