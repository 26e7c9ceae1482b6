"""What a training reports: a CSV table, TensorBoard events, and a bar or lines on how far it is."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from segscope.inference.run_files import LOG, replacing
from segscope.progress import Cadence, duration, is_drawn

Row = dict[str, float]

_PROGRESS = logging.getLogger("segscope.progress")
_EPOCHS_S = 30.0  # between lines on epochs


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
    """Writes ``log.csv`` and ``tensorboard/``, draws a bar where it can be drawn, else logs lines.

    The table is rewritten whole from all rows after each epoch, so that a resumed training leaves
    the same file as an uninterrupted one.
    """

    def __init__(self, folder: Path, *, first_epoch: int, steps: int) -> None:
        # TensorBoard's import is slow and only a training needs it
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._events: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=first_epoch)
        drawn = is_drawn()
        self._lines = None if drawn else Lines(steps)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not drawn or _PROGRESS.level > logging.INFO,
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
        if self._lines is not None:
            self._lines.step(step, loss, measure, measured, seconds_left=seconds_left)
            return
        shown = "-" if measured != measured else f"{measured:.3f}"
        minutes, seconds = divmod(int(seconds_left), 60)
        status = f"loss {loss:.3f}  {measure} {shown}  {minutes}:{seconds:02d} left"
        self._bar.update(self._task, completed=step, status=status)

    def epoch(self, rows: Sequence[Row]) -> None:
        """Write all rows so far; the last one is new."""
        write_log(self._folder, rows)
        if self._lines is not None:
            self._lines.epoch(rows[-1])
        for name, value in rows[-1].items():
            self._events.add_scalar(name, value, int(rows[-1]["epoch"]))
        self._events.flush()


class Lines:
    """What a log file is told of a training: the step at times, an epoch at most every 30 seconds.

    ``--verbose`` (the level DEBUG) has a line for every epoch.

    Args:
        steps: In all.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._cadence = Cadence()
        self._next_s = 0.0
        self._now = ""

    def step(
        self, step: int, loss: float, measure: str, measured: float, *, seconds_left: float
    ) -> None:
        """Say how far it is, where that is due; ``measured`` was measured last."""
        self._now = f"step {step} of {self._steps}, about {duration(seconds_left)} left"
        if self._cadence.due():
            known = "" if measured != measured else f", validation {measure} {measured:.3f}"
            _PROGRESS.info("training: %s; loss %.3f%s", self._now, loss, known)

    def epoch(self, row: Row) -> None:
        """Say what an epoch came to: loss and, where it was validated, every measurement."""
        elapsed = self._cadence.elapsed_s
        level = logging.INFO if elapsed >= self._next_s else logging.DEBUG
        if level == logging.INFO:
            self._next_s = elapsed + _EPOCHS_S
            self._cadence.due()  # the next line on steps can wait
        found = {k.removeprefix("val_"): v for k, v in row.items() if k.startswith("val_")}
        said = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        validated = f", validation {said}" if found else ""
        number, loss = int(row["epoch"]) + 1, row["train_loss"]
        _PROGRESS.log(
            level, "training: epoch %d done (%s); loss %.3f%s", number, self._now, loss, validated
        )
