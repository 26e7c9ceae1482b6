"""``segscope data``: look at files and datasets before anything is trained."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from segscope.cli.data_check import check
from segscope.cli.data_convert import convert
from segscope.cli.data_export import export
from segscope.cli.data_masks import masks
from segscope.cli.data_prepare import prepare
from segscope.cli.data_rois import rois
from segscope.cli.options import ReplaceNonfinite, ResampleShear, reading

app_data = typer.Typer(help="Look at files and datasets.")


@app_data.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="Image, label map or folder of a DICOM series.")],
    label: Annotated[bool, typer.Option("--label", help="Read it as a label map.")] = False,
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read one file by the verified path and say what it is; exit code 2 if it is refused.

    Example: segscope data inspect scan.nii.gz
    """
    from segscope.data import read_image, read_label

    reader: Any = read_label if label else read_image
    read = reader(file, reading=reading(replace_nonfinite, resample_shear))
    facts = _facts(file, read, label=label)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        for line in value if isinstance(value, list) and name == "notes" else [value]:
            typer.echo(f"{name.replace('_', ' '):14s} {line}")


app_data.command()(check)
app_data.command()(convert)
app_data.command()(export)
app_data.command()(masks)
app_data.command()(prepare)
app_data.command()(rois)


def _facts(file: Path, read: Any, *, label: bool) -> dict[str, Any]:
    import nibabel as nib
    import numpy as np

    grid, array = read.grid, read.array
    facts: dict[str, Any] = {
        "file": str(file),
        "kind": "label map" if label else "image",
        "shape": list(grid.shape),
        "spacing_mm": [round(s, 6) for s in grid.spacing_mm],
        "numbers": str(array.dtype),
    }
    if grid.ndim == 3:
        facts["axes"] = "".join(nib.aff2axcodes(grid.affine))
        facts["origin_mm"] = [round(float(v), 4) for v in grid.affine[:3, 3]]
    if label:
        values, counts = np.unique(array, return_counts=True)
        facts["labels"] = {int(v): int(c) for v, c in zip(values, counts, strict=True)}
    else:
        facts["channels"] = len(array)
        facts["intensity"] = [float(array.min()), float(array.mean()), float(array.max())]
    facts["notes"] = list(read.notes)
    return facts
