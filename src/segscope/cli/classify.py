"""``segscope classify train|predict``: classifiers of plane images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segscope.cli.options import AsJson, DatasetFolder, Device, NewRun, ReplaceNonfinite, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segscope.metrics import Interval

app_classify = typer.Typer(help="Train classifiers of plane images, and use them.")


@app_classify.command()
def train(
    dataset: DatasetFolder,
    output: NewRun,
    model: Annotated[
        str | None, typer.Option("--model", help="xception, densenet121, ... or a timm model.")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Of cases.csv, with the classes.")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=8, help="Side that images are brought to.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="random, pretrained, or a file to start from.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One value, e.g. epochs=50; repeat.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a stopped run; begin it where there is none."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a classifier on the classes of cases.csv, and score it on held-out images.

    Example: segscope classify train Dataset121_Regions -o runs/xception --model xception
    """
    from segscope.workflows.classify import TrainClassifierOptions, train_classifier

    options = TrainClassifierOptions(
        model=model,
        column=column,
        size=size,
        weights=weights,
        settings=tuple(setting or ()),
        resume=resume,
    )
    found = train_classifier(dataset, output, options)
    for note in found.notes:
        typer.echo(note, err=True)
    if as_json:
        typer.echo((output / "validation.json").read_text("utf-8"))
        return
    typer.echo(
        f"{output}: {found.network}, {found.epochs} epochs in {found.minutes:.2f} min, best after "
        f"{found.best_epoch + 1}; classes {', '.join(found.classes)}"
    )
    _say(found.scores)


@app_classify.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a classifier's run.")],
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for classes.csv.")],
    column: Annotated[
        str | None, typer.Option("--column", help="Of the dataset's cases.csv: score against it.")
    ] = None,
    weights: Annotated[str, typer.Option("--weights", help="best or last.")] = "best",
    device: Device = "auto",
    replace_nonfinite: ReplaceNonfinite = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also classify images far outside of what was trained on."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify images; with --column of a dataset say how well.

    Every image is compared with those of the training: what is outside is said, what is far outside
    is refused.

    Example: segscope classify predict runs/xception -i new_images -o classes
    """
    from segscope.workflows.classify import ClassifyOptions, classify

    options = ClassifyOptions(
        column=column,
        weights=weights,
        device=device,
        replace_nonfinite=replace_nonfinite,
        anyway=anyway,
    )
    found = classify(run, source, output, options)
    if as_json:
        typer.echo((output / "classes.json").read_text("utf-8"))
        return
    for row in found.rows[:20]:
        said = "  ".join(f"{k} {v:.3f}" for k, v in row.items() if isinstance(v, float))
        typer.echo(f"{row['case']}: {row['predicted']}  {said}")
    if len(found.rows) > 20:
        typer.echo(f"and {len(found.rows) - 20} more")
    _say(found.scores)
    typer.echo(f"{len(found.rows)} images: {output / 'classes.csv'}")


def _say(scores: "Mapping[str, Interval]") -> None:
    for name, value in scores.items():
        typer.echo(f"{name:24s} {value.value:.3f}  (95 %: {value.lower:.3f} to {value.upper:.3f})")
