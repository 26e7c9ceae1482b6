"""``segscope export``: a run's network as one file."""

import json
from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run (model.json and weights).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File, NAME.segscope.")],
    weights: Annotated[str, typer.Option("--weights", help="best, last or a snapshot.")] = "best",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write a run's network into one file, which predict, audit, quality and cam take for RUN.

    The file holds the network, its weights, its preprocessing and what images it is meant for, with
    their hashes: no image, no name of a case, no path, and nothing that is run when it is read.

    Example: segscope export runs/hippocampus -o hippocampus.segscope
    """
    from segscope.workflows.export_run import export_run

    done = export_run(run, output, weights=weights, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(done.to_dict()))
        return
    typer.echo(f"{done.file}: {done.megabytes:g} MB, SHA-256 {done.sha256}")
    typer.echo(f"next: segscope predict {done.file} -i IMAGES -o predictions")
