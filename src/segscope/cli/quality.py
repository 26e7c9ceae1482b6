"""``segscope quality``: which predictions a person must look at, worst first."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import Chosen, Device, Measured, Model, Reading, Shared, Source
from segscope.errors import WorkError


@grouped
def quality(
    *,
    run: Model,
    source: Source,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write quality.csv and .json here.")
    ] = None,
    measured: Measured,
    calibrate: Annotated[
        Path | None,
        typer.Option("--calibrate", help="Dataset of the run: predict Dice from its validation."),
    ] = None,
    coverage: Annotated[
        float, typer.Option("--coverage", min=0.5, max=0.99, help="Of the predicted intervals.")
    ] = 0.9,
    method: Annotated[
        str, typer.Option("--method", help="isotonic (of mu) or quantile (of mu and layers).")
    ] = "isotonic",
    target: Annotated[
        float, typer.Option("--target", help="Mean Dice that review shall reach.")
    ] = 0.9,
    opened: Chosen,
    device: Device = "auto",
    read: Reading,
    shared: Shared,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rank predictions by figures that need no truth; where there is truth, say how well they do.

    Example: segscope quality runs/skin -i new_images --calibrate Dataset011_Skin
    """
    from segscope.workflows.quality import QualityOptions
    from segscope.workflows.quality import quality as run_quality

    options = QualityOptions(
        **measured.to_dict(),
        calibrate=calibrate,
        coverage=coverage,
        method=method,
        target=target,
        device=device,
        **vars(opened),
        **vars(read),
        **vars(shared),
    )
    ranked = run_quality(run, source, output, options, say=partial(typer.echo, err=True))
    if as_json:
        typer.echo(json.dumps(ranked.to_dict()))
    else:
        typer.echo(ranked.to_text())
        if output is not None:
            typer.echo(f"{output / 'quality.csv'}  {output / 'quality.json'}")
    if ranked.failed:
        said = [f"{name}: {why}" for name, why in ranked.failed.items()]
        total = len(said) + len(ranked.audit.cases)
        raise WorkError("\n  ".join([f"{len(said)} of {total} cases failed:", *said]))
