"""``segscope prune``: keep the smallest level of a nested network that is good enough."""

from pathlib import Path
from typing import Annotated

import typer


def prune(
    run: Annotated[Path, typer.Argument(help="Run of an ANU-Net or UNet++.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the pruned run, new.")],
    level: Annotated[str, typer.Option("--level", help="auto, or L1 to L4.")] = "auto",
    max_dice_loss: Annotated[
        float, typer.Option("--max-dice-loss", min=0.0, max=1.0, help="Of auto, from the best.")
    ] = 0.01,
    dataset: Annotated[
        Path | None, typer.Option("-d", "--dataset", help="Where it is now, if it moved.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="To measure on.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Measure every level on the validation cases; write one as a run of its own.

    Example: segscope prune runs/anunet -o runs/anunet_small --level auto --max-dice-loss 0.01
    """
    from segscope.workflows.prune import PruneOptions
    from segscope.workflows.prune import prune as run_prune

    options = PruneOptions(level=level, max_dice_loss=max_dice_loss, dataset=dataset, device=device)
    result = run_prune(run, output, options)
    if as_json:
        typer.echo((output / "prune.json").read_text("utf-8"))
        return
    for row in result.rows:
        mark = "*" if row.level == result.level else " "
        typer.echo(
            f"{mark} L{row.level}  {row.parameters / 1e6:8.4f} M  {row.multiply_adds / 1e9:7.2f} G "
            f" {1000 * row.seconds:8.1f} ms  Dice {row.dice:.4f}  IoU {row.iou:.4f}"
        )
    typer.echo(f"L{result.level} kept in {output} (prune.csv, prune.png)")
