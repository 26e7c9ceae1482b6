"""``segscope study NAME``: a paper's question, tables and figures on any dataset."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import DatasetFolder, StudyFolder, StudyOptions
from segscope.cli.study_cam import cam
from segscope.cli.study_gbm import gbm

if TYPE_CHECKING:
    from segscope.experiments import Outcome

External = Annotated[
    Path | None, typer.Option("--external", help="Another centre's dataset, to test on.")
]
Phi = Annotated[
    str, typer.Option("--phi", help="VGG19 weights: imagenet, a file, or random (for trials).")
]
Losses = Annotated[
    list[str] | None,
    typer.Option(
        "--loss",
        help="Compare these only; repeat. Also dice_unsquared, and LOSS_hard_labels for arms "
        "without the paper's soft labels.",
    ),
]

app_study = typer.Typer(help="Make a paper's tables and figures on your own dataset.")


@app_study.callback()
def study() -> None:
    """Make a paper's tables and figures on your own dataset."""


_SIX_FOLDS = StudyOptions(folds=6)


@grouped
def anunet(
    dataset: DatasetFolder,
    output: StudyFolder,
    options: StudyOptions = _SIX_FOLDS,
) -> None:
    """Compare U-Net, R2U-Net, UNet++, Attention U-Net, Attention R2U-Net and ANU-Net.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study compare-networks Dataset011_Skin -o studies/skin --budget minutes
    """
    options.check(dataset)

    from segscope.studies.anunet import run_study
    from segscope.workflows.opening import open_folder

    outcome = run_study(open_folder(dataset), output, options.asked())
    _print(outcome, output, as_json=options.as_json)


@grouped
def protoseg(
    *,
    dataset: DatasetFolder,
    output: StudyFolder,
    controls: Annotated[
        bool,
        typer.Option("--controls", help="Also train with the online loss on a detached guide."),
    ] = False,
    options: StudyOptions,
) -> None:
    """Measure what layers could segment, with and without the online loss; quality, noise.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study layer-ability Dataset011_Skin -o studies/skin_ability
    """
    options.check(dataset)

    from segscope.studies.protoseg import run_study
    from segscope.workflows.opening import open_folder

    outcome = run_study(open_folder(dataset), output, options.asked(), controls=controls)
    _print(outcome, output, as_json=options.as_json)
    layers = json.loads((output / "study.json").read_text("utf-8")).get("layers", [])
    if layers and not options.as_json:
        typer.echo("SA: Dice of what a layer's features alone segment, 0 to 1; higher is better")
    for arm in () if options.as_json or not layers else outcome.costs:
        means = " ".join(f"{layer[arm]['mean']:.3f}" for layer in layers if arm in layer)
        typer.echo(f"{arm}: SA of layers {means}")


@grouped
def siamese(
    *,
    dataset: DatasetFolder,
    output: StudyFolder,
    external: External = None,
    phi: Phi = "imagenet",
    losses: Losses = None,
    options: StudyOptions,
) -> None:
    """Compare losses for small lesions: Dice, Tversky, focal, hybrid, content and others.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study compare-losses Dataset012_WMH -o studies/wmh --phi vgg19.safetensors
    """
    options.check(dataset)

    from segscope.studies.siamese import LOSSES, run_study
    from segscope.workflows.opening import open_folder

    outcome = run_study(
        open_folder(dataset),
        output,
        options.asked(),
        external=None if external is None else open_folder(external),
        phi=phi,
        losses=losses or tuple(LOSSES),
    )
    _print(outcome, output, as_json=options.as_json)


STUDIES: dict[str, tuple[str, Callable[..., None]]] = {
    "compare-networks": ("anunet", anunet),
    "layer-ability": ("protoseg", protoseg),
    "compare-losses": ("siamese", siamese),
    "learning-curve": ("gbm", gbm),
    "masks-from-classifiers": ("cam", cam),
}
"""The question to its alias, the paper's own name, and to the command that both stand for."""


def _register() -> None:
    for name, (alias, command) in STUDIES.items():
        first = (command.__doc__ or "").splitlines()[0].rstrip(".")
        short, also = f"{first} (also: {alias})", f"Also: segscope study {alias}"
        app_study.command(name, short_help=short, epilog=also)(command)
        app_study.command(alias, hidden=True)(command)


_register()


def _print(outcome: "Outcome", output: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    from segscope.experiments import answer
    from segscope.experiments.tables import minutes

    metrics = outcome.experiment.metrics
    found = {metric: outcome.estimates(metric) for metric in metrics}
    for name in found[metrics[0]]:
        said = "  ".join(f"{m} {found[m][name].mean:.4f}" for m in metrics)
        typer.echo(f"{name:17s} {said}  {minutes(outcome, name):.1f} min")
    for sentence in answer(outcome, metrics[0]):
        typer.echo(sentence)
    typer.echo(f"page: {output / 'report.html'}")
