"""``segscope study NAME``: a paper's tables and figures on any dataset."""

from pathlib import Path
from typing import Annotated

import typer

app_study = typer.Typer(
    no_args_is_help=True, help="Make a paper's tables and figures on your own dataset."
)


@app_study.callback()
def study() -> None:
    """Make a paper's tables and figures on your own dataset."""


@app_study.command()
def anunet(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder with dataset.json.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the study.")],
    budget: Annotated[
        str, typer.Option("--budget", help="minutes, hours or paper (its image size and widths).")
    ] = "minutes",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One recipe value for all networks; repeat.")
    ] = None,
    fold: Annotated[int, typer.Option("-f", "--fold", help="Fold that validates.")] = 0,
    folds: Annotated[int, typer.Option("--folds", min=2, help="6 is the paper's 5:1.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Compare U-Net, R2U-Net, UNet++, Attention U-Net, Attention R2U-Net and ANU-Net.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study anunet Dataset011_Skin -o studies/skin --budget minutes
    """
    from segscope.data import open_dataset
    from segscope.studies.anunet import run_study
    from segscope.studies.anunet_page import write_page
    from segscope.training import parse_settings

    opened = open_dataset(dataset)
    result = run_study(
        opened,
        output,
        budget=budget,
        settings=parse_settings(setting or []),
        fold=fold,
        folds=folds,
    )
    page = write_page(result, opened, output)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    for score in result.scores:
        typer.echo(
            f"{score.network:18s} Dice {score.means['dice']:.4f} (sd {score.sd['dice']:.4f})  "
            f"IoU {score.means['iou']:.4f}  {score.parameters / 1e6:.2f} M  {score.minutes:.1f} min"
        )
    typer.echo(f"page: {page}")


@app_study.command()
def protoseg(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder with dataset.json.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the study.")],
    budget: Annotated[
        str, typer.Option("--budget", help="minutes, hours or paper (its widths and epochs).")
    ] = "minutes",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One recipe value for both; repeat.")
    ] = None,
    fold: Annotated[int, typer.Option("-f", "--fold", help="Fold that is held out.")] = 0,
    folds: Annotated[int, typer.Option("--folds", min=2, help="How many.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Measure segmentation ability with and without the online loss, quality, noise.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study protoseg Dataset011_Skin -o studies/skin_ability
    """
    from segscope.data import open_dataset
    from segscope.studies.protoseg import run_study
    from segscope.studies.protoseg_page import write_page
    from segscope.training import parse_settings

    result = run_study(
        open_dataset(dataset),
        output,
        budget=budget,
        settings=parse_settings(setting or []),
        fold=fold,
        folds=folds,
    )
    page = write_page(result, output)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    from segscope.report import layer_means

    for name, found in result.audits.items():
        layers = layer_means(found, "dice")
        typer.echo(f"{name}: SA of layers {' '.join(f'{value:.3f}' for value in layers)}")
    typer.echo(f"page: {page}")


@app_study.command()
def siamese(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder, one foreground label.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the study.")],
    external: Annotated[
        Path | None, typer.Option("--external", help="Another centre's dataset, to test on.")
    ] = None,
    phi: Annotated[
        str, typer.Option("--phi", help="VGG19 weights: imagenet, a file, or random (for trials).")
    ] = "imagenet",
    losses: Annotated[
        list[str] | None, typer.Option("--loss", help="Compare these only; repeat.")
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="minutes, hours or paper (its size and epochs).")
    ] = "minutes",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One recipe value for all; repeat.")
    ] = None,
    fold: Annotated[int, typer.Option("-f", "--fold", help="Fold that is held out.")] = 0,
    folds: Annotated[int, typer.Option("--folds", min=2, help="How many, at most.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Compare losses for small lesions: Dice, Tversky, focal, hybrid, content and others.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study siamese Dataset012_WMH -o studies/wmh --phi vgg19.safetensors
    """
    from segscope.data import open_dataset
    from segscope.studies.siamese import LOSSES, run_study
    from segscope.studies.siamese_page import write_page
    from segscope.training import parse_settings

    opened = open_dataset(dataset)
    result = run_study(
        opened,
        output,
        external=None if external is None else open_dataset(external),
        phi=phi,
        budget=budget,
        settings=parse_settings(setting or []),
        fold=fold,
        folds=folds,
        losses=losses or tuple(LOSSES),
    )
    page = write_page(result, opened, output)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    for score in result.scores:
        typer.echo(
            f"{score.loss:17s} lesion recall {score.means['lesion_recall']:.3f}  "
            f"F1 {score.means['lesion_f1']:.3f}  Dice {score.means['dice']:.4f}  "
            f"{score.minutes:.1f} min"
        )
    typer.echo(f"page: {page}")
