"""``segscope cam``: class activation maps of a run."""

import json
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from segscope.cli.options import (
    Device,
    Masks,
    ReplaceNonfinite,
    ResampleLabels,
    ResampleShear,
    Source,
    TruthFolder,
    WhichCases,
    reading,
)


def cam(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the maps.")],
    method: Annotated[
        str,
        typer.Option(
            "--method", help="gradcam, hirescam, gradcam++, saliency, gradientshap, activation."
        ),
    ] = "gradcam",
    layer: Annotated[
        str | None, typer.Option("--layer", help="Layer by name; the last one by default.")
    ] = None,
    cases: WhichCases = "auto",
    truth: TruthFolder = None,
    masks: Masks = None,
    device: Device = "auto",
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    resample_labels: ResampleLabels = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Show where each label's score comes from, and how well that alone would segment.

    A threshold is chosen without the truth (Otsu); the best one, which the truth chooses, stands
    beside it as oracle.

    Example: segscope cam runs/skin -i Dataset011_Skin -o maps --method gradcam++
    """
    from segscope.audit import choose_cases, read_from
    from segscope.inference import load_model
    from segscope.studies.cam_run import run_cam

    model = load_model(run, device=device)
    asked = reading(replace_nonfinite, resample_shear, resample_labels)
    how = read_from(run) if asked == reading() else asked
    channels = model.spec.file_channels
    chosen = choose_cases(source, channels=channels, which=cases, run=run, truth=truth)
    rows = run_cam(
        model, chosen, output, run=run, method=method, layer=layer, masks=masks, reading=how
    )
    if as_json:
        typer.echo(json.dumps(json.loads((output / "cam.json").read_text("utf-8"))))
        return
    known = [row for row in rows if row.mean_dice is not None]
    for label in dict.fromkeys(row.label for row in known):
        own = [row for row in known if row.label == label]
        means = [
            fmean(float(getattr(row, name)) for row in own)
            for name in ("mean_dice", "otsu_dice", "oracle_dice")
        ]
        typer.echo(
            f"{label}: mean over {len(own)} cases of the Dice over all thresholds {means[0]:.4f}, "
            f"above Otsu's {means[1]:.4f}, above the best (oracle) {means[2]:.4f}"
        )
    typer.echo(f"{len(rows)} maps: {output / 'heatmaps'}, {output / 'pictures'}, cam.csv")
