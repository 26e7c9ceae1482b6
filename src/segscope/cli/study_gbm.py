"""``segscope study learning-curve``: learning curves of image, global binary mask, and both."""

from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import (
    AsJson,
    DatasetFolder,
    PageOnly,
    StudyFolder,
    StudySeeds,
    Trained,
    Trainers,
)

if TYPE_CHECKING:
    from segscope.experiments import Outcome


@grouped
def gbm(
    *,
    dataset: DatasetFolder,
    output: StudyFolder,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of training subjects, nested.")
    ] = "1,2,4,8,16",
    seeds: StudySeeds = 3,
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
    trainers: Trainers,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Whose channels are pictured; the last one.")
    ] = None,
    trained: Trained,
    page_only: PageOnly = False,
    as_json: AsJson = False,
) -> None:
    """Compare networks shown the image, a global binary mask, or both, by training subjects.

    A study that was stopped goes on where it was when it is started again.

    Example: segscope study learning-curve Dataset004_Hippocampus -o studies/curve --sizes 1,2,4
    """
    trained.check(dataset)

    from segscope.studies.declared import Asked
    from segscope.studies.gbm import Options, run_study
    from segscope.training import parse_settings
    from segscope.workflows.opening import open_folder

    options = Options(
        sizes=_numbers(sizes),
        mask=parse_settings(mask or ["method=network"]),
        upper_bound=upper_bound,
        test_subjects=test_subjects,
        val_subjects=val_subjects,
        coarse_subjects=coarse_subjects,
        layer=layer,
    )
    asked = Asked(trained.budget, trained.changes, 1, seeds, page_only=page_only, **vars(trainers))
    outcome = run_study(open_folder(dataset), output, asked, options)
    if as_json:
        typer.echo((output / "study.json").read_text("utf-8"))
        return
    _print(outcome)
    typer.echo(f"page: {output / 'report.html'}")


def _print(outcome: "Outcome") -> None:
    found = {size: outcome.of_size(size).estimates("dice") for size in outcome.sizes}
    for arm in outcome.experiment.arms:
        said = [f"{size}: {of[arm.name]}" for size, of in found.items() if arm.name in of]
        typer.echo(f"{arm.name:20s} Dice by subjects  {'  '.join(said)}")


def _numbers(text: str) -> tuple[int, ...]:
    from segscope.errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--sizes {text}: expected numbers such as 1,2,4,8,16") from None
