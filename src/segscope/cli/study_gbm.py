"""``segscope study gbm``: learning curves of image, global binary mask, and both."""

from typing import Annotated, Any

import typer

from segscope.cli.options import AsJson, Budget, DatasetFolder, Settings, StudyFolder


def gbm(
    dataset: DatasetFolder,
    output: StudyFolder,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of training subjects, nested.")
    ] = "1,2,4,8,16",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of subjects, weights.")] = 3,
    mask: Annotated[
        list[str] | None,
        typer.Option("--mask", help="How masks are made: method=threshold, run=COARSE; repeat."),
    ] = None,
    upper_bound: Annotated[
        bool, typer.Option("--upper-bound/--no-upper-bound", help="Also masks from labels.")
    ] = True,
    test_subjects: Annotated[int, typer.Option("--test-subjects", min=1, help="Only tested.")] = 20,
    val_subjects: Annotated[int, typer.Option("--val-subjects", min=1, help="Choose weights.")] = 4,
    coarse_subjects: Annotated[
        int, typer.Option("--coarse-subjects", min=1, help="Train the coarse network.")
    ] = 10,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trainings at the same time.")] = 1,
    ray: Annotated[
        bool, typer.Option("--ray", help="Hand trainings to Ray (RAY_ADDRESS, or this machine).")
    ] = False,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Whose channels are pictured; the last one.")
    ] = None,
    budget: Budget = "minutes",
    setting: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Compare networks shown the image, a global binary mask, or both, by training subjects.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study gbm Dataset004_Hippocampus -o studies/gbm --sizes 1,2,4 --jobs 2
    """
    from segscope.data import open_dataset
    from segscope.studies.gbm import Options, run_study
    from segscope.studies.gbm_page import arms_of, of_arm, sizes_of, spread, write_page
    from segscope.training import parse_settings

    opened = open_dataset(dataset)
    study = run_study(
        opened,
        output,
        Options(
            sizes=_numbers(sizes),
            seeds=seeds,
            mask=_mask(mask),
            upper_bound=upper_bound,
            budget=budget,
            settings=parse_settings(setting or []),
            test_subjects=test_subjects,
            val_subjects=val_subjects,
            coarse_subjects=coarse_subjects,
        ),
        jobs=jobs,
        ray=ray,
    )
    page = write_page(study, opened, output, layer=layer)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    for arm in arms_of(study):
        found = [spread([r.mean_dice for r in of_arm(study, arm, n)]) for n in sizes_of(study)]
        said = "  ".join(f"{n}: {text}" for n, text in zip(sizes_of(study), found, strict=True))
        typer.echo(f"{arm:20s} Dice by subjects  {said}")
    typer.echo(f"page: {page}")


def _numbers(text: str) -> tuple[int, ...]:
    from segscope.errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--sizes {text}: expected numbers such as 1,2,4,8,16") from None


def _mask(settings: list[str] | None) -> dict[str, Any]:
    from segscope.training import parse_settings

    return parse_settings(settings or ["method=network"])
