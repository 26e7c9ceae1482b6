"""``segscope data export``: a dataset in the forms of others."""

from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import DatasetFolder


def export(
    dataset: DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder.")],
    to: Annotated[str, typer.Option("--to", help="bids, msd, nnunet-v1 (volumes), coco (planes).")],
) -> None:
    """Write a dataset as the Decathlon, nnU-Net version 1, BIDS or COCO have it.

    Example: segscope data export Dataset004_Hippocampus -o hippocampus_bids --to bids
    """
    from segscope.convert import export as run
    from segscope.workflows.opening import open_folder

    count = run(open_folder(dataset), output, to)
    typer.echo(f"{count} cases: {output}")
