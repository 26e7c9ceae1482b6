"""``segscope data``: look at files and datasets before anything is trained."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from segscope.data import Report

app_data = typer.Typer(no_args_is_help=True, help="Look at files and datasets.")


@app_data.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="Image, label map or folder of a DICOM series.")],
    label: Annotated[bool, typer.Option("--label", help="Read it as a label map.")] = False,
    replace_nonfinite: Annotated[
        float | None, typer.Option("--replace-nonfinite", help="In place of NaN and infinities.")
    ] = None,
    resample_shear: Annotated[
        bool, typer.Option("--resample-shear", help="Resample a sheared grid to an upright one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read one file by the verified path and say what it is; exit code 2 if it is refused.

    Example: segscope data inspect scan.nii.gz
    """
    from segscope.data import read_image, read_label

    reader: Any = read_label if label else read_image
    read = reader(file, replace_nonfinite=replace_nonfinite, resample_shear=resample_shear)
    facts = _facts(file, read, label=label)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        for line in value if isinstance(value, list) and name == "notes" else [value]:
            typer.echo(f"{name.replace('_', ' '):14s} {line}")


@app_data.command()
def check(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the report as JSON.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report everything that is wrong, file by file, and the fingerprint; exit code 2 if any.

    Example: segscope data check Dataset004_Hippocampus
    """
    from segscope.data import check_dataset, json_ready, write_json

    report = check_dataset(dataset)
    if output is not None:
        write_json(output, report.to_dict())
    if as_json:
        typer.echo(json.dumps(json_ready(report.to_dict())))
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(2)


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


def _print(report: "Report") -> None:
    console = Console(highlight=False)
    for title, found in (("problem", report.problems), ("warning", report.warnings)):
        for item in found:
            console.print(f"{title}: {item.case}: {item.message}", markup=False, soft_wrap=True)
    if report.fingerprint is not None:
        print_ = report.fingerprint
        table = Table(title=f"fingerprint of {print_.dataset}", show_header=False)
        table.add_row("labelled cases", str(len(print_.cases)))
        table.add_row("median shape", str(print_.median_shape))
        table.add_row(
            "median spacing mm", str(tuple(round(s, 4) for s in print_.median_spacing_mm))
        )
        for c in print_.channels:
            table.add_row(
                f"channel {c.name}",
                f"{c.minimum:g} to {c.maximum:g}, foreground {c.foreground_mean:.4g} "
                f"(sd {c.foreground_sd:.4g})",
            )
        total = sum(print_.label_voxels.values())
        for name, value in print_.labels.items():
            share = 100 * print_.label_voxels[value] / total
            table.add_row(f"label {value} {name}", f"{share:.4g} % of voxels")
        table.add_row("PCD", f"{print_.pcd_percent:.4g} %")
        table.add_row("without foreground", str(len(print_.cases_without_foreground)))
        console.print(table)
    console.print(f"{len(report.problems)} problems, {len(report.warnings)} warnings")
