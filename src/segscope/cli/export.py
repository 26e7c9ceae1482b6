"""``segscope export``: a run's network as one file, or in the form of another tool."""

import json
from pathlib import Path
from typing import Annotated

import typer

from segscope.errors import InputError


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run (model.json and weights).")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="File NAME.segscope; with --to a new folder."),
    ],
    to: Annotated[
        str | None, typer.Option("--to", help="onnx or monai; without it NAME.segscope.")
    ] = None,
    weights: Annotated[str, typer.Option("--weights", help="best, last or a snapshot.")] = "best",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write a run's network into one file, which predict, audit, quality and cam take for RUN.

    The file holds the network, its weights, its preprocessing and what images it is meant for, with
    their hashes: no image, no name of a case, no path, and nothing that is run when it is read.

    With --to it becomes ONNX (sides of any size, checked in onnxruntime), or a MONAI bundle
    (checked by MONAI's own parts), each in a folder with a card and what is done to an image.

    Example: segscope export runs/hippocampus -o hippocampus.segscope
    """
    if to is not None:
        _to_other(run, output, to, weights, as_json=as_json, overwrite=overwrite)
        return
    from segscope.workflows.export_run import export_run

    done = export_run(run, output, weights=weights, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(done.to_dict()))
        return
    typer.echo(f"{done.file}: {done.megabytes:g} MB, SHA-256 {done.sha256}")
    typer.echo(f"next: segscope predict {done.file} -i IMAGES -o predictions")


def _to_other(
    run: Path, output: Path, to: str, weights: str, *, as_json: bool, overwrite: bool
) -> None:
    from segscope.workflows.export import export_model

    if overwrite:
        raise InputError("--overwrite: is for NAME.segscope; name a new folder, or leave it out")
    done = export_model(run, output, form=to, weights=weights)
    if as_json:
        typer.echo(json.dumps(done.to_dict()))
        return
    checked, used = done.said
    typer.echo(f"{done.folder}: {', '.join(done.files)}\nchecked: {checked}\nnext: {used}")
