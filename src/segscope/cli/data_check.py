"""``segscope data check``: everything that is wrong with a dataset, before anything is trained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segscope.cli.groups import grouped
from segscope.cli.options import Reading

if TYPE_CHECKING:
    from segscope.data import Problem, Report
    from segscope.images import Fingerprint


@grouped
def check(
    *,
    dataset: Annotated[Path, typer.Argument(help="nnU-Net v2 raw folder.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the report as JSON.")
    ] = None,
    read: Reading,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report everything that is wrong, file by file, and the fingerprint; exit code 2 if any.

    Example: segscope data check Dataset004_Hippocampus
    """
    from segscope.workflows.check import CheckOptions
    from segscope.workflows.check import check as run_check

    options = CheckOptions(
        output=output,
        **vars(read),
    )
    report = run_check(dataset, options)
    if as_json:
        from segscope.data import json_ready

        typer.echo(json.dumps(json_ready(report.to_dict())))
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(2)


def _print(report: "Report") -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # a log has no width to wrap at
        console = Console(highlight=False, width=200)
    if report.problems:
        console.print(_faults("problems", report.problems, report.folder))
    if report.warnings:
        console.print(_faults("warnings", report.warnings, report.folder))
    if report.fingerprint is not None:
        console.print(_measured(report.fingerprint, report.normalisation))
    console.print(
        ", ".join(
            f"{len(found)} {word}{'' if len(found) == 1 else 's'}"
            for word, found in (("problem", report.problems), ("warning", report.warnings))
        )
    )


def _faults(title: str, found: "Sequence[Problem]", folder: Path) -> Table:
    """One row per fault; files with the same one share a row."""
    together: dict[tuple[str, str], list[str]] = {}
    for item in found:
        together.setdefault((item.fault, item.remedy), []).append(item.file)
    table = Table(title=title, title_justify="left", show_lines=True)
    for head in ("file", "fault", "remedy"):
        table.add_column(head, overflow="fold")
    for (fault, remedy), files in together.items():
        name = files[0].removeprefix(f"{folder}/")
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        table.add_row(*(_shown(text) for text in (name + more, fault, remedy)))
    return table


def _measured(fingerprint: "Fingerprint", normalisation: "Sequence[str]") -> Table:
    table = Table(show_header=False, title_justify="left")
    table.title = _shown(f"fingerprint of {fingerprint.dataset}")
    spacing = " x ".join(f"{s:.4g}" for s in fingerprint.median_spacing_mm)
    rows = [
        ("labelled cases", str(len(fingerprint.cases))),
        ("median shape", " x ".join(str(s) for s in fingerprint.median_shape)),
        ("median spacing mm", spacing),
    ]
    rows += [
        (
            f"channel {channel.name}",
            f"{channel.minimum:g} to {channel.maximum:g}, foreground "
            f"{channel.foreground_mean:.4g} (sd {channel.foreground_sd:.4g}); {said}",
        )
        for channel, said in zip(fingerprint.channels, normalisation, strict=True)
    ]
    total = sum(fingerprint.label_voxels.values())
    rows += [
        (
            f"label {value} {name}",
            f"{100 * fingerprint.label_voxels[value] / total:.4g} % of voxels",
        )
        for name, value in fingerprint.labels.items()
    ]
    rows += [
        ("PCD", f"{fingerprint.pcd_percent:.4g} %"),
        ("without foreground", str(len(fingerprint.cases_without_foreground))),
    ]
    for name, value in rows:
        table.add_row(_shown(name), _shown(value))
    return table


def _shown(text: str) -> Text:
    """Names of files may hold anything: no markup, and no control characters on a terminal."""
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
