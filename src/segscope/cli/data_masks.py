"""``segscope data masks``: global binary masks of images, to look at before anything is trained."""

import json
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import AsJson, Device, ReplaceNonfinite, ResampleShear, Source

MaskSettings = Annotated[
    list[str] | None,
    typer.Option("--mask", help="As in recipes: method=threshold, template=FILE; repeat."),
]


def masks(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the masks.")],
    setting: MaskSettings = None,
    device: Device = "auto",
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    as_json: AsJson = False,
) -> None:
    """Make one mask of the whole body part per image, with a picture and figures of each.

    Methods: threshold (after registration to a template, the first image where none is named),
    network (run=COARSE_RUN), labels (of a dataset), file (folder=MASKS, to check them).

    Example: segscope data masks -i Dataset004_Brain -o masks --mask closing_mm=8
    """
    from segscope.workflows.arguments import check_device, check_settings, check_there

    check_there(source)
    check_device(device)
    check_settings(setting or ())

    from segscope.workflows.masks import MasksOptions
    from segscope.workflows.masks import masks as make_masks

    options = MasksOptions(
        settings=tuple(setting or ["method=threshold"]),
        device=device,
        replace_nonfinite=replace_nonfinite,
        resample_shear=resample_shear,
    )
    found = make_masks(source, output, options)
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    for name, mask in found.masks.items():
        sides = " x ".join(f"{side:.4g}" for side in mask.figures.extent_mm)
        size = f"{mask.figures.size_mm / 1000:.4g} ml" if len(mask.figures.extent_mm) == 3 else (
            f"{mask.figures.size_mm:.4g} mm^2"
        )  # fmt: skip
        typer.echo(f"{name}: {size}, {sides} mm")
        for line in mask.plausibility.warnings if mask.plausibility else ():
            typer.echo(f"  {line}")
    typer.echo(f"{len(found.masks)} masks: {output}, masks.json, masks.png")
