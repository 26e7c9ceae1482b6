"""``segscope data prepare``: cases prepared ahead of trainings that share them."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import AsJson, DatasetFolder, Reading, RecipeFile


@grouped
def prepare(
    *,
    dataset: DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of prepared cases.")],
    recipe: RecipeFile = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One value of the recipe; repeat.")
    ] = None,
    read: Reading,
    as_json: AsJson = False,
) -> None:
    """Plan a training and prepare all its cases; trainings with --cache OUTPUT then take them.

    Example: segscope data prepare Dataset004_Hippocampus -o cache
    """
    from segscope.workflows.prepare import PrepareOptions
    from segscope.workflows.prepare import prepare as run_prepare

    options = PrepareOptions(
        recipe=recipe,
        settings=tuple(setting or ()),
        **vars(read),
    )
    found = run_prepare(dataset, output, options, say=partial(typer.echo, err=True))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    for line in found.plan:
        typer.echo(line)
    typer.echo(f"{len(found.cases)} cases are prepared in {output}")
