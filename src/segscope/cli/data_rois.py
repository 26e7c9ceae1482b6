"""``segscope data rois``: regions of interest for classifiers, from images with masks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import AsJson, DatasetFolder


def rois(
    dataset: DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the new dataset.")],
    normals: Annotated[
        str,
        typer.Option(
            "--normals", help="Where regions without lesion come from: images, mirror, none."
        ),
    ] = "images",
    padding: Annotated[
        str, typer.Option("--padding", help="Least and most added per side, of the lesion's sides.")
    ] = "0.1,0.3",
    least_pixels: Annotated[
        int, typer.Option("--least-pixels", min=1, help="Smaller pieces are left out.")
    ] = 16,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of padding and places.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Cut lesions out, and places without one: a dataset to train classifiers on.

    Each region keeps its mask, its class and where it came from (cases.csv); regions of one subject
    stay together in splits.

    Example: segscope data rois Dataset021_BUSI -o Dataset121_Regions --normals images
    """
    from segscope.errors import InputError
    from segscope.workflows.opening import check_dataset_folder, open_folder

    check_dataset_folder(dataset)
    from segscope.workflows.rois import NORMAL_SOURCES, RoiOptions, extract_rois

    if normals not in NORMAL_SOURCES:
        raise InputError(f"--normals {normals}: expected one of {', '.join(NORMAL_SOURCES)}")
    try:
        low, high = (float(part) for part in padding.split(","))
    except ValueError:
        raise InputError(f"--padding {padding}: expected two shares such as 0.1,0.3") from None
    options = RoiOptions(
        normals=NORMAL_SOURCES[normals], padding=(low, high), least_pixels=least_pixels, seed=seed
    )
    counts = extract_rois(open_folder(dataset), output, options)
    if as_json:
        typer.echo(json.dumps(counts))
        return
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    typer.echo(f"{output}: {said}")
