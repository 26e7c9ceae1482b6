"""``segscope cam``: class activation maps of a classifier or a segmentation network."""

import json
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import (
    Chosen,
    Device,
    Masks,
    Reading,
    Source,
    TruthFolder,
    WhichCases,
)


@grouped
def cam(
    *,
    run: Annotated[
        Path | None,
        typer.Argument(help="A run, or another tool's model (nnU-Net, MONAI, smp, ONNX)."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Instead of a run, a trained classifier: timm:NAME, torchvision:NAME or "
            "FILE.py:function, with ,WEIGHTS.",
        ),
    ] = None,
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the maps.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="gradcam, hirescam, gradcam++, saliency, gradientshap, activation; or your own.",
        ),
    ] = "gradcam",
    signed: Annotated[
        bool,
        typer.Option(
            "--signed",
            help="Of gradcam and hirescam: keep what speaks against the class, as the "
            "classifier-map paper prints it; by default a ReLU takes it away.",
        ),
    ] = False,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            help="Layer by name (NAME#2: its second run); the last one by default. Of a "
            "classifier: faithful, chosen by deletion and insertion, without masks.",
        ),
    ] = None,
    of: Annotated[
        str, typer.Option("--class", help="Of a classifier: a class, or predicted.")
    ] = "predicted",
    threshold: Annotated[
        str, typer.Option("--threshold", help="otsu; of a classifier also image-level.")
    ] = "otsu",
    cases: WhichCases = "auto",
    truth: TruthFolder = None,
    masks: Masks = None,
    opened: Chosen,
    device: Device = "auto",
    read: Reading,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Show where each label's score comes from, and how well that alone would segment.

    A threshold is chosen without the truth (Otsu's, or by what the classifier says of the parts);
    the best one, which the truth chooses, stands beside it as oracle.

    Example: segscope cam runs/skin -i Dataset011_Skin -o maps --method gradcam++

    Example: segscope cam --model timm:resnet50 -i photos -o maps --class "African elephant"
    """
    from segscope.workflows.cam import CamOptions
    from segscope.workflows.cam import cam as run_cam

    options = CamOptions(
        method=method,
        signed=signed,
        model=model,
        layer=layer,
        of=of,
        threshold=threshold,
        cases=cases,
        truth=truth,
        masks=masks,
        device=device,
        **vars(opened),
        **vars(read),
    )
    found = run_cam(run, source, output, options)
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    scored = [row for row in found.rows if row.mean_dice is not None]
    for label in dict.fromkeys(row.label for row in scored):
        own = [row for row in scored if row.label == label]
        means = [
            fmean(float(getattr(row, name)) for row in own)
            for name in ("mean_dice", "dice", "oracle_dice")
        ]
        typer.echo(
            f"{label}: mean over {len(own)} cases of the Dice over all thresholds {means[0]:.4f}, "
            f"above the chosen one {means[1]:.4f}, above the best (oracle) {means[2]:.4f}"
        )
    typer.echo(f"{len(found.rows)} maps: {output / 'heatmaps'}, {output / 'pictures'}, cam.csv")
