"""``segscope report``: everything known of a run on one page."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    audit: Annotated[
        Path | None, typer.Option("--audit", help="Folder of its audit; RUN/audit by default.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="NAME=FOLDER of another audit of these cases; repeat."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The page; RUN/report.html by default.")
    ] = None,
) -> None:
    """Write one self-contained HTML page: training, scores, layers, units, quality, ranking.

    Example: segscope audit runs/skin -i Dataset011_Skin -o runs/skin/audit, then segscope report
    runs/skin
    """
    from segscope.workflows.report import ReportOptions
    from segscope.workflows.report import report as run_report

    options = ReportOptions(audit=audit, against=tuple(against or ()), output=output)
    typer.echo(f"page: {run_report(run, options).page}")
