"""``segscope study NAME``: a paper's tables and figures on any dataset."""

from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import (
    AsJson,
    Budget,
    DatasetFolder,
    Settings,
    StudyFold,
    StudyFolder,
    StudyFolds,
)
from segscope.cli.study_cam import cam
from segscope.cli.study_gbm import gbm

app_study = typer.Typer(
    no_args_is_help=True, help="Make a paper's tables and figures on your own dataset."
)


@app_study.callback()
def study() -> None:
    """Make a paper's tables and figures on your own dataset."""


@app_study.command()
def anunet(
    dataset: DatasetFolder,
    output: StudyFolder,
    budget: Budget = "minutes",
    setting: Settings = None,
    fold: StudyFold = 0,
    folds: StudyFolds = 6,
    as_json: AsJson = False,
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
    dataset: DatasetFolder,
    output: StudyFolder,
    budget: Budget = "minutes",
    setting: Settings = None,
    fold: StudyFold = 0,
    folds: StudyFolds = 3,
    as_json: AsJson = False,
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
    from segscope.audit.summary import layer_means

    for name, found in result.audits.items():
        layers = layer_means(found, "dice")
        typer.echo(f"{name}: SA of layers {' '.join(f'{value:.3f}' for value in layers)}")
    typer.echo(f"page: {page}")


@app_study.command()
def siamese(
    dataset: DatasetFolder,
    output: StudyFolder,
    external: Annotated[
        Path | None, typer.Option("--external", help="Another centre's dataset, to test on.")
    ] = None,
    phi: Annotated[
        str, typer.Option("--phi", help="VGG19 weights: imagenet, a file, or random (for trials).")
    ] = "imagenet",
    losses: Annotated[
        list[str] | None, typer.Option("--loss", help="Compare these only; repeat.")
    ] = None,
    budget: Budget = "minutes",
    setting: Settings = None,
    fold: StudyFold = 0,
    folds: StudyFolds = 3,
    as_json: AsJson = False,
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


app_study.command()(gbm)
app_study.command()(cam)
