"""What a training reports: a CSV table, TensorBoard events, and one line on the terminal."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from segscope.inference.run_files import LOG, replacing

Row = dict[str, float]


def rows_to_csv(rows: Sequence[Mapping[str, float]]) -> str:
    """Lay rows out as CSV; the columns are those of the first row, then any later ones.

    Example:
        >>> rows_to_csv([{"epoch": 0, "loss": 0.5}])
        'epoch,loss\\r\\n0,0.5\\r\\n'
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_log(folder: Path, rows: Sequence[Row]) -> None:
    """Replace a run's ``log.csv``, whole or not at all; its manifest knows it."""
    with replacing(folder, LOG) as temporary:
        temporary.write_bytes(rows_to_csv(rows).encode())


class TrainingLog:
    """Writes ``log.csv`` and ``tensorboard/`` and draws the progress bar.

    The table is rewritten whole from all rows after each epoch, so that a resumed training leaves
    the same file as an uninterrupted one.
    """

    def __init__(self, folder: Path, *, first_epoch: int, steps: int) -> None:
        # TensorBoard's import is slow and only a training needs it
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._events: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=first_epoch)
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=steps, status="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self._events.close()

    def step(
        self, step: int, loss: float, measure: str, measured: float, *, seconds_left: float
    ) -> None:
        """Move the bar; ``measured`` is the last value of what is called ``measure``."""
        shown = "-" if measured != measured else f"{measured:.3f}"
        minutes, seconds = divmod(int(seconds_left), 60)
        status = f"loss {loss:.3f}  {measure} {shown}  {minutes}:{seconds:02d} left"
        self._bar.update(self._task, completed=step, status=status)

    def epoch(self, rows: Sequence[Row]) -> None:
        """Write all rows so far; the last one is new."""
        write_log(self._folder, rows)
        for name, value in rows[-1].items():
            self._events.add_scalar(name, value, int(rows[-1]["epoch"]))
        self._events.flush()
