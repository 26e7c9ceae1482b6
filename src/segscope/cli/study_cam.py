"""``segscope study cam``: what classifiers' maps segment, and what they miss."""

from typing import Annotated

import typer

from segscope.cli.options import AsJson, Budget, DatasetFolder, Settings, StudyFolder


def cam(
    dataset: DatasetFolder,
    output: StudyFolder,
    networks: Annotated[
        str | None,
        typer.Option("--networks", help="Names with commas, also of timm; the paper's six."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of the split, weights.")] = 1,
    normals: Annotated[
        str, typer.Option("--normals", help="Regions without lesion come from: images, mirror.")
    ] = "images",
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trainings at the same time.")] = 1,
    budget: Budget = "minutes",
    setting: Settings = None,
    unet: Annotated[
        list[str] | None,
        typer.Option("--unet", help="One recipe value of the U-Nets, e.g. train.epochs=20."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cut lesions out, train classifiers, map them, and learn again from what the maps keep.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study cam Dataset021_BUSI -o studies/cam --networks xception,densenet121
    """
    from statistics import fmean

    from segscope.data import open_dataset
    from segscope.errors import InputError
    from segscope.networks import CLASSIFIERS
    from segscope.studies.cam import Options, run_study
    from segscope.studies.cam_outcome import ORIGINAL
    from segscope.studies.cam_page import over_draws, write_page
    from segscope.studies.rois import NORMAL_SOURCES, RoiOptions
    from segscope.training import parse_settings

    if normals not in ("images", "mirror"):
        raise InputError(f"--normals {normals}: expected images or mirror")
    names = tuple(CLASSIFIERS) if networks is None else tuple(networks.split(","))
    options = Options(
        networks=names,
        seeds=seeds,
        budget=budget,
        settings=parse_settings(setting or []),
        unet=parse_settings(unet or []),
        rois=RoiOptions(normals=NORMAL_SOURCES[normals]),
    )
    study = run_study(open_dataset(dataset), output, options, jobs=jobs)
    page = write_page(study, output)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    for name in names:
        accuracy = over_draws(study, name, lambda o: o.trained[ORIGINAL].test["accuracy"].value)
        dice = over_draws(study, name, lambda o: fmean(o.mean_dice))
        typer.echo(f"{name:16s} test accuracy {accuracy}  mean-Dice of its maps {dice}")
    typer.echo(f"page: {page}")
