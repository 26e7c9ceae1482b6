"""``segscope train``: plan a training from a dataset and run it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from segscope.cli.groups import grouped
from segscope.cli.options import NewRun, Reading, RecipeFile

if TYPE_CHECKING:
    from segscope.workflows.train import Trained


@grouped
def train(
    *,
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder with dataset.json.")],
    output: NewRun,
    recipe: RecipeFile = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="E.g. train.epochs=50 (segscope recipe keys); repeat."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option("-f", "--fold", help="Fold that validates, from 0; 0 by default.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=2, help="Folds, split by subject; 5 by default."),
    ] = None,
    train_on: Annotated[
        str | None, typer.Option("--train-on", help="column=value,value of cases.csv; no folds.")
    ] = None,
    test_on: Annotated[
        str | None, typer.Option("--test-on", help="The same, of cases that validate.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of prepared cases, shared by runs.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a stopped run; begin it where there is none."),
    ] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan-only", help="Write OUTPUT.recipe.yaml to change it, and stop.")
    ] = False,
    read: Reading,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a network on a dataset, planned from its fingerprint.

    Example: segscope train Dataset004_Hippocampus -o runs/hippocampus --set train.max_minutes=15
    """
    from segscope.workflows.train import TrainOptions, plan_only
    from segscope.workflows.train import train as run_train

    console = Console(stderr=True)
    options = TrainOptions(
        recipe=recipe,
        settings=tuple(setting or ()),
        fold=fold,
        folds=folds,
        train_on=train_on,
        test_on=test_on,
        device=device,
        cache=cache,
        resume=resume,
        **vars(read),
    )

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    if only_plan:
        say(f"plan written to {plan_only(dataset, output, options, say=say)}")
        return
    found = run_train(dataset, output, options, say=say)
    if found is None:  # another of several processes reports
        return
    if as_json:
        from segscope.data import json_ready

        typer.echo(json.dumps(json_ready(found.to_dict())))
        return
    _print(found, output)


def _print(found: "Trained", output: Path) -> None:
    """Say what came out, where it is, and what to do next."""
    from segscope.workflows.endings import outcome_lines

    line = f"{output}: {found.epochs} epochs in {found.minutes} min"
    if found.validation_dice is not None:
        line += (
            f", mean Dice of the validation cases on their own grids {found.validation_dice:.4f} "
            f"({output / 'validation' / 'summary.json'})"
        )
    typer.echo(line)
    for line in [] if found.outcome is None else outcome_lines(found.outcome):
        typer.echo(line)
    if found.remark is not None:
        typer.echo(f"note: {found.remark}")
    if found.outcome is not None:
        typer.echo(f"predictions of the validation cases: {output / 'validation'}")
    typer.echo(f"next: segscope predict {output} -i IMAGES -o predictions")
