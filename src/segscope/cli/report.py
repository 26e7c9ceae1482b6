"""``segscope report``: everything known of a run on one page."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from segscope.cli.options import Device


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    audit: Annotated[
        Path | None, typer.Option("--audit", help="Folder of its audit; RUN/audit by default.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", help="To audit on; the run's own by default.")
    ] = None,
    no_audit: Annotated[
        bool, typer.Option("--no-audit", help="Make no audit where there is none.")
    ] = False,
    good: Annotated[float, typer.Option("--good", help="Dice that a person would accept.")] = 0.7,
    device: Device = "auto",
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="NAME=FOLDER of another audit of these cases; repeat."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The page; RUN/report.html by default.")
    ] = None,
) -> None:
    """Write one self-contained HTML page: a verdict, its reasons, and how the run was made.

    A run that was not audited is audited first, on its validation cases.

    Example: segscope report runs/skin
    """
    from segscope.workflows.report import ReportOptions
    from segscope.workflows.report import report as run_report

    options = ReportOptions(
        audit=audit,
        dataset=dataset,
        make=not no_audit,
        good=good,
        device=device,
        against=tuple(against or ()),
        output=output,
    )
    found = run_report(run, options, say=partial(typer.echo, err=True))
    typer.echo(found.verdict)
    typer.echo(f"page: {found.page}")
