"""``segscope audit``: which layers and units of a network can segment, and mu of every case."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segscope.cli.options import (
    Device,
    Ensemble,
    Masks,
    ReplaceNonfinite,
    ResampleLabels,
    ResampleShear,
    TruthFolder,
    WhichCases,
    reading,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segscope.audit import DatasetAudit
    from segscope.data import Reading
    from segscope.images import Case
    from segscope.studies.audit_model import Audited


def audit(
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run; leave out with --model.")
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
    prepare: Annotated[
        str | None,
        typer.Option("--prepare", help="With --model: asis, segscope, or a YAML file."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="With --model: it returns no logits.")
    ] = False,
    layers: Annotated[
        list[str] | None, typer.Option("--layer", help="Layer by name, repeat; else automatic.")
    ] = None,
    units: Annotated[
        list[str] | None, typer.Option("--units", help="Layer whose units to look at, repeat.")
    ] = None,
    cases: WhichCases = "auto",
    truth: TruthFolder = None,
    ensemble: Ensemble = None,
    masks: Masks = None,
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
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    resample_labels: ResampleLabels = False,
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
    from segscope.audit import choose_cases, read_from
    from segscope.errors import InputError
    from segscope.studies.audit_model import own_model, run_model
    from segscope.studies.audit_run import run_audit

    if (run is None) == (model is None):
        raise InputError("audit: name either a RUN or --model module:function")
    if source is None or output is None:
        raise InputError("audit: -i INPUT and -o OUTPUT are needed")
    audited: Audited
    if run is not None:
        if prepare or probabilities:
            raise InputError("--prepare and --probabilities are for --model; a run knows these")
        audited = run_model(run, weights=weights or "best", device=device)
    else:
        audited = own_model(
            str(model), weights, source, prepare=prepare, probabilities=probabilities, device=device
        )
    asked = reading(replace_nonfinite, resample_shear, resample_labels)
    how = read_from(run) if run is not None and asked == reading() else asked
    chosen = choose_cases(source, channels=audited.channels, which=cases, run=run, truth=truth)
    prepared = _say(audited, chosen, how)
    found = run_audit(
        audited.model,
        chosen,
        output,
        run=run,
        ensemble=ensemble or (),
        heat_maps=heat_maps,
        parquet=parquet,
        layers=layers or "auto",
        units=units or "last2",
        output=audited.named.output if audited.named else "auto",
        preparation=audited.named.preparation if audited.named else None,
        prepared=prepared,
        masks=masks,
        reading=how,
        low_memory=low_memory,
    )
    if as_json:
        typer.echo(json.dumps(_summary(found, output)))
        return
    _print(found, output, suspicious=cases == "train")


def _say(audited: "Audited", cases: "Sequence[Case]", how: "Reading") -> dict[str, Any] | None:
    """Say how images are prepared before any number is shown, and whether another way suits."""
    from segscope.audit import far_better
    from segscope.studies.audit_model import tried_preparations

    named = audited.named
    if named is None:
        return None
    for note in audited.notes:
        typer.echo(f"weights: {note}", err=True)
    typer.echo(f"images are prepared by --prepare {named.name}:", err=True)
    for sentence in named.sentences():
        typer.echo(f"  {sentence}", err=True)
    tried = tried_preparations(audited, cases, how)
    for one in tried:
        typer.echo(f"  mean Dice of the first cases {one.name}: {one.dice:.3f}", err=True)
    better = far_better(tried)
    if better is not None:
        typer.echo(
            f"WARNING: {better.name}, the network's Dice is {better.dice:.3f} and not "
            f"{tried[0].dice:.3f}: --prepare {named.name} is hardly what it was trained with, and "
            "then every number below is wrong",
            err=True,
        )
    return {
        **named.facts(),
        "weights": list(audited.notes),
        "tried": {one.name: one.dice for one in tried},
    }


def _summary(found: "DatasetAudit", output: Path) -> dict[str, Any]:
    from segscope.data import json_ready
    from segscope.report import layer_means

    score = "dice" if found.has_truth else "agreement"
    facts = {
        "audit": str(output / "audit.json"),
        "cases": len(found.cases),
        "layers": dict(zip(found.layers, layer_means(found, score), strict=True)),
        "mu": {case.name: case.mu for case in found.cases},
    }
    return json_ready(facts)


def _print(found: "DatasetAudit", output: Path, *, suspicious: bool) -> None:
    from segscope.report import layer_means, most_suspicious, worst_first

    truth = found.has_truth
    typer.echo(
        f"{len(found.cases)} cases, mean {'SA' if truth else 'agreement with the output'} of layers"
    )
    values = layer_means(found, "dice" if truth else "agreement")
    chance = layer_means(found, "chance" if truth else "chance_agreement")
    for number, (name, value, low) in enumerate(
        zip(found.layers, values, chance, strict=True), start=1
    ):
        typer.echo(f"{number:3d}  {name:24s} {value:.4f}  (shifted guide {low:.4f})")
    if suspicious and truth:
        typer.echo("labels to look at first: mu is high, and yet output and label differ")
        for case in most_suspicious(found)[:10]:
            typer.echo(f"  {case.name}: mu {case.mu:.3f}, Dice {case.dice:.3f}")
    else:
        typer.echo("cases to look at first: lowest mu")
        for case in worst_first(found)[:10]:
            said = f", Dice {case.dice:.3f}" if case.output else ""
            typer.echo(f"  {case.name}: mu {case.mu:.3f}{said}")
    typer.echo(f"{output / 'audit.json'}, cases.csv, layers.csv, units.csv, heatmaps, pictures")
