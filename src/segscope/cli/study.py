"""``segscope study NAME``: a paper's tables and figures on any dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.options import (
    AsJson,
    Budget,
    DatasetFolder,
    Jobs,
    OnRay,
    PageOnly,
    Settings,
    StudyFold,
    StudyFolder,
    StudyFolds,
    StudySeeds,
)
from segscope.cli.study_cam import cam
from segscope.cli.study_gbm import gbm

if TYPE_CHECKING:
    from segscope.experiments import Outcome

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
    folds: StudyFolds = 6,
    seeds: StudySeeds = 1,
    jobs: Jobs = 1,
    ray: OnRay = False,
    page_only: PageOnly = False,
    as_json: AsJson = False,
) -> None:
    """Compare U-Net, R2U-Net, UNet++, Attention U-Net, Attention R2U-Net and ANU-Net.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study anunet Dataset011_Skin -o studies/skin --budget minutes
    """
    from segscope.data import open_dataset
    from segscope.studies.anunet import run_study
    from segscope.studies.declared import Asked
    from segscope.training import parse_settings

    asked = Asked(budget, parse_settings(setting or []), folds, seeds, jobs, ray, page_only)
    _print(run_study(open_dataset(dataset), output, asked), output, as_json=as_json)


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
    folds: StudyFolds = 3,
    seeds: StudySeeds = 1,
    jobs: Jobs = 1,
    ray: OnRay = False,
    page_only: PageOnly = False,
    as_json: AsJson = False,
) -> None:
    """Compare losses for small lesions: Dice, Tversky, focal, hybrid, content and others.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study siamese Dataset012_WMH -o studies/wmh --phi vgg19.safetensors
    """
    from segscope.data import open_dataset
    from segscope.studies.declared import Asked
    from segscope.studies.siamese import LOSSES, run_study
    from segscope.training import parse_settings

    outcome = run_study(
        open_dataset(dataset),
        output,
        Asked(budget, parse_settings(setting or []), folds, seeds, jobs, ray, page_only),
        external=None if external is None else open_dataset(external),
        phi=phi,
        losses=losses or tuple(LOSSES),
    )
    _print(outcome, output, as_json=as_json)


def _print(outcome: "Outcome", output: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    from segscope.experiments import answer
    from segscope.studies.declared import minutes

    metrics = outcome.experiment.metrics
    found = {metric: outcome.estimates(metric) for metric in metrics}
    for name in found[metrics[0]]:
        said = "  ".join(f"{m} {found[m][name].mean:.4f}" for m in metrics)
        typer.echo(f"{name:17s} {said}  {minutes(outcome, name):.1f} min")
    for sentence in answer(outcome, metrics[0]):
        typer.echo(sentence)
    typer.echo(f"page: {output / 'report.html'}")


app_study.command()(gbm)
app_study.command()(cam)
