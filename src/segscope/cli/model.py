"""``segscope model inspect``: what a model is, whichever tool it is of."""

import json

import typer

from segscope.cli.groups import grouped
from segscope.cli.options import AsJson, Chosen, Model

app_model = typer.Typer(help="Models of segscope and of other tools.")


@app_model.command()
@grouped
def inspect(*, model: Model, opened: Chosen, as_json: AsJson = False) -> None:
    """Say what a model is and what will be done with an image, or why it is refused.

    Nothing that the model names is run. A model that does not say how its images are prepared is
    refused with a file for --prepare that is ready to be filled in.

    Example: segscope model inspect spleen_ct_segmentation
    """
    from segscope.workflows.inspect import inspect_model
    from segscope.workflows.options import ModelOptions

    found = inspect_model(model, ModelOptions(**vars(opened)))
    typer.echo(json.dumps(found.to_dict()) if as_json else found.to_text())
