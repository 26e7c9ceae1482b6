"""``segscope evaluate``: score predictions against the truth."""

import json
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Folder of label maps, or one file.")],
    truth: Annotated[Path, typer.Argument(help="Folder of label maps, or one file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for summary.json and metrics.csv.")
    ],
    dataset: Annotated[
        Path | None, typer.Option("-d", "--dataset", help="Dataset whose labels have names.")
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
    from segscope.data import json_ready, open_dataset, read_label, write_json, write_text
    from segscope.errors import InputError
    from segscope.metrics import evaluate_folders

    if empty not in ("nan", "one"):
        raise InputError(f"--empty {empty}: expected nan or one")
    labels = None if dataset is None else open_dataset(dataset).labels
    summary = evaluate_folders(
        predictions,
        truth,
        read=read_label,
        labels=labels,
        empty=empty,
        tolerance_mm=tolerance_mm,
        convention=convention,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "summary.json", summary.to_dict())
    write_text(output / "metrics.csv", summary.to_csv())
    if as_json:
        typer.echo(json.dumps(json_ready(summary.to_dict())))
    else:
        for label, metrics in summary.by_label.items():
            found = ", ".join(
                f"{name} {values['mean']:.4g} (n {values['n']}, undefined {values['undefined']})"
                for name, values in metrics.items()
                if name in ("dice", "hd95_mm", "lesion_f1")
            )
            typer.echo(f"label {label}: {found}")
        typer.echo(f"{output / 'summary.json'}  {output / 'metrics.csv'}")
    if summary.extra:
        typer.echo(f"predictions without truth: {', '.join(summary.extra)}", err=True)
    if summary.missing:
        typer.echo(
            f"missing predictions, counted as failed: {', '.join(summary.missing)}", err=True
        )
        raise typer.Exit(1)
