"""``segscope quality``: which predictions a person must look at, worst first."""

import json
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import (
    Device,
    Ensemble,
    Masks,
    ReplaceNonfinite,
    ResampleLabels,
    ResampleShear,
    Source,
    TruthFolder,
    WhichCases,
    reading,
)


def quality(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    source: Source,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write quality.csv and .json here.")
    ] = None,
    cases: WhichCases = "auto",
    truth: TruthFolder = None,
    ensemble: Ensemble = None,
    masks: Masks = None,
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
    device: Device = "auto",
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    resample_labels: ResampleLabels = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rank predictions by figures that need no truth; where there is truth, say how well they do.

    Example: segscope quality runs/skin -i new_images --calibrate Dataset011_Skin
    """
    from segscope.audit import choose_cases, read_from
    from segscope.data import json_ready, write_json, write_text
    from segscope.errors import WorkError
    from segscope.inference import load_model, write_manifest
    from segscope.studies.quality_run import measure_quality

    model = load_model(run, device=device)
    asked = reading(replace_nonfinite, resample_shear, resample_labels)
    how = read_from(run) if asked == reading() else asked
    chosen = choose_cases(
        source, channels=model.spec.file_channels, which=cases, run=run, truth=truth
    )
    ranked = measure_quality(
        model,
        chosen,
        run=run,
        ensemble=ensemble or (),
        masks=masks,
        calibrate=calibrate,
        coverage=coverage,
        method=method,
        reading=how,
    )
    facts = json_ready(ranked.to_dict(target))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "quality.csv", ranked.to_csv())
        write_json(output / "quality.json", facts)
        write_manifest(output, chosen, device=model.device, weights=model.weights_sha256)
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(ranked.to_text(target))
        if output is not None:
            typer.echo(f"{output / 'quality.csv'}  {output / 'quality.json'}")
    if ranked.failed:
        said = [f"{name}: {why}" for name, why in ranked.failed.items()]
        raise WorkError("\n  ".join([f"{len(said)} of {len(chosen)} cases failed:", *said]))
