"""``segscope recipe``: presets, and every key that a recipe has."""

import json
from typing import Annotated

import typer

from segscope.cli.options import AsJson

app_recipe = typer.Typer(help="Look at presets and at every key that decides a training.")


@app_recipe.command("list")
def list_presets(as_json: AsJson = False) -> None:
    """Name the presets, with a sentence each.

    Example: segscope recipe list
    """
    from segscope.training.recipe_keys import presets

    found = presets()
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, said in found.items():
        typer.echo(f"{name:18s} {said}")


@app_recipe.command()
def show(
    name: Annotated[str, typer.Argument(help="Of a preset, see segscope recipe list.")],
) -> None:
    """Print a preset; into a file, it can be changed and given to --recipe.

    Example: segscope recipe show anunet > mine.yaml
    """
    from segscope.training.recipe_keys import preset_text

    typer.echo(preset_text(name), nl=False)


@app_recipe.command()
def keys(
    word: Annotated[str, typer.Argument(help="In a key's name or meaning; all without.")] = "",
    as_json: AsJson = False,
) -> None:
    """List keys with type, default and meaning, as --set takes them.

    Example: segscope recipe keys learning
    """
    from dataclasses import asdict

    from segscope.training.recipe_keys import recipe_keys

    found = recipe_keys(word)
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in found]))
        return
    for key in found:
        typer.echo(f"{key.path}  ({key.kind}; default {key.default})\n    {key.meaning}")


@app_recipe.command()
def schema() -> None:
    """Print the JSON schema of recipes, by which editors complete and check them.

    Example: segscope recipe schema > recipe.schema.json
    """
    from segscope.training.recipe_keys import recipe_schema

    typer.echo(json.dumps(recipe_schema(), indent=1))
