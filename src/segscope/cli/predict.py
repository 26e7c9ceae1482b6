"""``segscope predict``: label maps for new images."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import (
    Chosen,
    Device,
    Masks,
    Model,
    ReplaceNonfinite,
    ResampleShear,
    Shared,
)
from segscope.errors import InputError, WorkError

if TYPE_CHECKING:
    from segscope.inference import Predicted


@grouped
def predict(
    *,
    run: Model,
    source: Annotated[
        Path, typer.Option("-i", "--input", help="File, folder, dataset or DICOM series.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for label maps.")],
    level: Annotated[
        str | None, typer.Option("--level", help="L1 to L4: prune a nested network first.")
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Average over mirrored copies; else as the model says (a run: no).",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            "--overlap", min=0.0, max=0.9, help="Of windows; else as the model says (a run: 0.5)."
        ),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Windows or slices per pass.")] = 4,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also write CASE.npz (K, *S).")
    ] = False,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Of a run: best, last or a snapshot.")
    ] = None,
    opened: Chosen,
    device: Device = "auto",
    fast: Annotated[
        bool, typer.Option("--fast", help="Fold norms, channels last: same but for rounding.")
    ] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Compute in bfloat16: faster, less exact.")
    ] = False,
    masks: Masks = None,
    replace_nonfinite: ReplaceNonfinite = None,
    resample_shear: ResampleShear = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make all again; replace files made otherwise.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also predict images far outside of what was trained on."),
    ] = False,
    previews: Annotated[
        bool | None,
        typer.Option("--previews/--no-previews", help="A PNG a case; by default up to 100 cases."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also write OUTPUT/report.html: sizes and pictures.")
    ] = False,
    trust: Annotated[
        str, typer.Option("--trust", help="Predict the quality: off, fast, standard or thorough.")
    ] = "standard",
    labels_as: Annotated[
        str | None,
        typer.Option("--labels-as", help="Layout (see data convert --list): write its values."),
    ] = None,
    shared: Shared,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Predict label maps on the images' own grids.

    Every image is compared with those that the run was trained on (spacing, size, intensities,
    modality): what is outside is said, what is far outside is refused. What is in the output folder
    already and was made in the same way is not made again. A network that is shown global binary
    masks has them made first, into OUTPUT/masks. Beside the label maps go statistics.csv (sizes of
    every label: ml, mm2 or pixels), previews/CASE.png, and quality.csv, which says which Dice is
    expected of every case, and whether to accept it, look at it or redo it, as far as the run has
    learned it.

    Example: segscope predict runs/hippocampus -i Dataset004/imagesTs -o predictions
    """
    from segscope.workflows import predict as verb

    options = verb.PredictOptions(
        weights=weights,
        level=level,
        device=device,
        fast=fast,
        bf16=bf16,
        mirror=mirror,
        overlap=overlap,
        batch=batch,
        probabilities=probabilities,
        masks=masks,
        replace_nonfinite=replace_nonfinite,
        resample_shear=resample_shear,
        anyway=anyway,
        trust=trust,
        overwrite=overwrite,
        previews=previews,
        report=report,
        **vars(opened),
        labels_as=labels_as,
        **vars(shared),
    )
    try:
        done = verb.predict(run, source, output, options, say=partial(typer.echo, err=True))
    except (WorkError, InputError) as error:
        if hasattr(error, "done"):  # what became of the other cases
            _print(error.done, output, as_json=as_json)
        raise
    _print(done, output, as_json=as_json)


def _print(done: "Predicted", output: Path, *, as_json: bool) -> None:
    """Say what became of the cases; what is odd on stderr."""
    from segscope.progress import peak_memory_gib

    for line in done.remarks:
        typer.echo(line, err=True)
    for name, notes in [*(done.mask_warnings or {}).items(), *done.notes.items()]:
        for note in notes:
            typer.echo(f"{name}: {note}", err=True)
    peak = f"{peak_memory_gib():.2f} GiB"
    if as_json:
        typer.echo(json.dumps(done.to_dict() | {"peak_memory": peak}))
    elif done.written or done.reused:
        reused = f", {len(done.reused)} were there already" if done.reused else ""
        typer.echo(
            f"{len(done.written)} label maps written to {output}{reused}; peak memory {peak}"
        )
        for what, place in done.files.items():
            typer.echo(f"{what:10s} {place}")
    if done.facts and not as_json:
        from segscope.workflows.predict_trust import QUALITY_TABLE, count_verdicts

        typer.echo(f"{count_verdicts(done.facts)} ({output / QUALITY_TABLE})")
