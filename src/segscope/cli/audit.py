"""``segscope audit``: which layers and units of a network can segment, and mu of every case."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import Chosen, Device, Measured, Reading, Shared
from segscope.errors import InputError

if TYPE_CHECKING:
    from segscope.audit import DatasetAudit


@grouped
def audit(
    *,
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run or another tool's model.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("-i", "--input", help="Dataset, folder, file or DICOM series.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="New folder for tables and pictures.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="module:function that returns any network.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="best, last, a snapshot; with --model a file.")
    ] = None,
    opened: Chosen,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="With --model: it returns no logits.")
    ] = False,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Layer by name (NAME#2: its second run), repeat."),
    ] = None,
    units: Annotated[
        list[str] | None, typer.Option("--units", help="Layer whose units to look at, repeat.")
    ] = None,
    measured: Measured,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps/--no-heat-maps", help="Write one per case.")
    ] = True,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Also write tables as Parquet (needs pyarrow).")
    ] = False,
    low_memory: Annotated[
        bool, typer.Option("--low-memory", help="Keep no features: twice the time.")
    ] = False,
    device: Device = "auto",
    read: Reading,
    shared: Shared,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Measure what each layer and unit could segment, and how far each prediction can be trusted.

    Of a dataset that the run was trained on, its validation cases are audited; --cases train looks
    for suspicious labels. Without truth there are mu, agreement and heat-maps.

    A network of your own (--model) does not say how it wants its images: name it with --prepare,
    asis (values and axes of the files), segscope (as a training on this dataset would) or a file.
    Under another preparation than its own a network's numbers are wrong.

    Example: segscope audit runs/skin -i Dataset011_Skin -o audits/skin
    """
    from segscope.workflows import audit as verb

    options = verb.AuditOptions(
        model=model,
        weights=weights,
        probabilities=probabilities,
        layers=tuple(layers or ()),
        units=tuple(units or ()),
        **measured.to_dict(),
        heat_maps=heat_maps,
        parquet=parquet,
        low_memory=low_memory,
        device=device,
        **vars(opened),
        **vars(read),
        **vars(shared),
    )
    options.check(run)
    if source is None or output is None:
        raise InputError("audit: -i INPUT and -o OUTPUT are needed")
    found = verb.audit(run, source, output, options, say=partial(typer.echo, err=True))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        _print(found.audit, output, suspicious=measured.cases == "train")


def _print(found: "DatasetAudit", output: Path, *, suspicious: bool) -> None:
    from segscope.audit.summary import MU, layer_means, most_suspicious, worst_first

    truth = found.has_truth
    typer.echo(
        f"{len(found.cases)} cases, mean {'SA' if truth else 'agreement with the output'} of "
        "layers: Dice of what their features alone segment, higher is better"
    )
    values = layer_means(found, "dice" if truth else "agreement")
    chance = layer_means(found, "chance" if truth else "chance_agreement")
    rows = zip(found.layers, values, chance, found.places, strict=True)
    for number, (name, value, low, place) in enumerate(rows, start=1):
        typer.echo(f"{number:3d}  {name:24s} {value:.4f}  (chance level {low:.4f})  {place}")
    if suspicious and truth:
        typer.echo("labels to look at first: mu is high, and yet output and label differ")
        for case in most_suspicious(found)[:10]:
            typer.echo(f"  {case.name}: mu {case.mu:.3f}, Dice {case.dice:.3f}")
    else:
        typer.echo("cases to look at first: lowest mu")
        for case in worst_first(found)[:10]:
            said = f", Dice {case.dice:.3f}" if case.output else ""
            typer.echo(f"  {case.name}: mu {case.mu:.3f}{said}")
    typer.echo(MU)
    typer.echo(f"{output / 'audit.json'}, cases.csv, layers.csv, units.csv, heatmaps, pictures")
