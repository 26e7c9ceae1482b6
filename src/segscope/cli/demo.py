"""``segscope demo``: the whole way on real MRI, in minutes, without a download."""

import json
from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the demo, new or empty.")
    ] = Path("segscope_demo"),
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Your own nnU-Net v2 raw folder instead of the template."),
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.05, help="Training time.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a small ANU-Net, predict, evaluate, prune, and write a page to look at.

    Example: segscope demo --data Dataset004_Hippocampus -o hippocampus_demo
    """
    from segscope.workflows.demo import run_demo

    result = run_demo(output, data=data, max_minutes=minutes)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
        return
    typer.echo(
        f"mean Dice of the validation cases {result.dice:.3f}; kept level L{result.level} of "
        f"{result.levels}, {result.minutes:.1f} min in all\nopen {result.page}"
    )
