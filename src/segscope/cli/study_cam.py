"""``segscope study cam``: what classifiers' maps segment, and what they miss."""

import json
from typing import Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import (
    AsJson,
    DatasetFolder,
    PageOnly,
    StudyFolder,
    StudyFolds,
    StudySeeds,
    Trained,
    Trainers,
)
from segscope.errors import InputError


@grouped
def cam(
    *,
    dataset: DatasetFolder,
    output: StudyFolder,
    networks: Annotated[
        str | None,
        typer.Option("--networks", help="Names with commas, also of timm; the paper's six."),
    ] = None,
    trained: Trained,
    unet: Annotated[
        list[str] | None,
        typer.Option("--unet", help="One recipe value of the U-Nets, e.g. train.epochs=20."),
    ] = None,
    folds: StudyFolds = 3,
    seeds: StudySeeds = 1,
    normals: Annotated[
        str, typer.Option("--normals", help="Regions without lesion come from: images, mirror.")
    ] = "images",
    trainers: Trainers,
    page_only: PageOnly = False,
    as_json: AsJson = False,
) -> None:
    """Cut lesions out, train classifiers, map them, and learn again from what the maps keep.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study cam Dataset021_BUSI -o studies/cam --networks xception,densenet121
    """
    trained.check(dataset)
    if normals not in ("images", "mirror"):
        raise InputError(f"--normals {normals}: expected images or mirror")

    from segscope.experiments import answer
    from segscope.networks import CLASSIFIERS
    from segscope.studies.cam import run_study
    from segscope.studies.declared import Asked
    from segscope.training import parse_settings
    from segscope.workflows.opening import open_folder
    from segscope.workflows.rois import NORMAL_SOURCES, RoiOptions

    outcome = run_study(
        open_folder(dataset),
        output,
        Asked(
            trained.budget,
            trained.changes,
            folds=folds,
            seeds=seeds,
            page_only=page_only,
            **vars(trainers),
        ),
        networks=tuple(CLASSIFIERS) if networks is None else tuple(networks.split(",")),
        unet=parse_settings(unet or []),
        rois=RoiOptions(normals=NORMAL_SOURCES[normals]),
    )
    facts = (output / "study.json").read_text("utf-8")
    if as_json:
        typer.echo(facts)
        return
    for sentence in (*json.loads(facts)["answer"], *answer(outcome, "dice")):
        typer.echo(sentence)
    typer.echo(f"page: {output / 'report.html'}")
