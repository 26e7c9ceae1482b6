"""What a training's learning curve supports saying when it has ended, and nothing more."""

import math
from collections.abc import Mapping, Sequence

from scipy import stats

from segscope.progress import duration

_FEWEST = 5
"""Measurements, below which no trend is told."""
_STEEP = 0.01
"""Of Dice, over the last third: what may as well be noise of the training is not called a rise."""


def curve_remark(
    rows: Sequence[Mapping[str, float]], *, planned: int, cut: bool, headline: str = "val_dice"
) -> str | None:
    """Say that a training was cut too short, or was still learning, where its log shows that.

    Args:
        rows: Of the log, one per epoch.
        planned: Epochs.
        cut: Whether the clock ended it.
        headline: The column that is looked at.

    Returns:
        One sentence; None where there is nothing to say.

    Example:
        >>> curve_remark([{"epoch": 0, "val_dice": 0.4, "seconds": 9.0}], planned=200, cut=True)
        '1 of 200 epochs was trained: too few to see where the learning curve leads'
        >>> flat = [{"epoch": k, "val_dice": 0.8, "seconds": 9.0 * k} for k in range(30)]
        >>> curve_remark(flat, planned=200, cut=True)
    """
    measured = [(row["epoch"], row[headline]) for row in rows if not _unknown(row, headline)]
    done = f"{len(rows)} of {planned} epochs {'was' if len(rows) == 1 else 'were'} trained"
    time = _time(rows, planned) if cut else ""
    if len(measured) < _FEWEST:
        few = f"{done}: too few to see where the learning curve leads{time}"
        return few if cut else None
    last = measured[-max(_FEWEST, len(measured) // 3) :]
    rise, epochs = _rise(last), int(last[-1][0] - last[0][0]) + 1
    if rise < _STEEP:
        return None
    said = f"the validation Dice still rose, by {rise:.3f} over the last {epochs}"
    if cut:
        return f"{done}: {said}{time}"
    return f"{said} of {planned} epochs: it was still learning when they ended (train.epochs)"


def _unknown(row: Mapping[str, float], name: str) -> bool:
    return math.isnan(row.get(name, math.nan))


def _rise(points: Sequence[tuple[float, float]]) -> float:
    """How far a straight line through the points rises; 0 where that may be chance."""
    epochs, values = zip(*points, strict=True)
    if min(values) == max(values):
        return 0.0
    line = stats.linregress(epochs, values)
    return float(line.slope * (epochs[-1] - epochs[0])) if line.pvalue < 0.05 else 0.0


def _time(rows: Sequence[Mapping[str, float]], planned: int) -> str:
    """What all epochs would take as these did; nothing where only one was timed."""
    seconds = [row["seconds"] for row in rows if not _unknown(row, "seconds")]
    if len(seconds) < 2:
        return ""
    pace = (seconds[-1] - seconds[0]) / (len(seconds) - 1)
    minutes = math.ceil((seconds[0] + pace * (planned - 1)) / 60)
    return f"; all {planned} take about {duration(60 * minutes)} at this pace " \
           f"(train.max_minutes={minutes})"  # fmt: skip
