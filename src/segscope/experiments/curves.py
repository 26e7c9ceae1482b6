"""Learning curves: losses by epoch, and when they stop improving."""

import math
from collections.abc import Sequence
from typing import Any

from segscope.experiments.statistics import estimate
from segscope.experiments.table import Outcome
from segscope.report import Lines, Table

Curve = Sequence[Sequence[float | None]]
"""Rows of (epoch, training loss, validation Dice, seconds since the beginning)."""


def converged(losses: Sequence[float], tolerance: float = 0.01) -> int:
    """Epochs until a validation loss stops improving.

    The rule, the same for all runs: the first epoch whose loss is within ``tolerance`` of the
    lowest one of the run.

    Example:
        >>> converged([0.9, 0.5, 0.305, 0.31, 0.3])
        3
    """
    known = [loss for loss in losses if not math.isnan(loss)]
    if not known:
        return len(losses)
    limit = min(known) + tolerance
    return next(k for k, loss in enumerate(losses, start=1) if loss <= limit)


def until_converged(curve: Curve) -> tuple[int, float]:
    """Epochs and minutes until a training had converged.

    Example:
        >>> until_converged([[1, 0.9, 0.2, 60.0], [2, 0.8, 0.5, 120.0], [3, 0.7, None, 180.0]])
        (2, 2.0)
    """
    epochs = converged(validation_losses(curve))
    seconds = curve[epochs - 1][3]
    return epochs, (math.nan if seconds is None else seconds) / 60


def validation_losses(curve: Curve) -> list[float]:
    """One less Dice of the validation cases; ``nan`` where there was none."""
    return [math.nan if row[2] is None else 1 - row[2] for row in curve]


def converged_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row per trial and label, with when the training had converged."""
    rows = []
    for row in outcome.by_trial():
        (cost,) = (c for c in outcome.costs[row["arm"]] if c["draw"] == row["draw"])
        epochs, minutes = until_converged(cost["curve"])
        rows.append({**row, "epochs_to_converge": epochs, "minutes_to_converge": minutes,
                     "minutes": cost["minutes"]})  # fmt: skip
    return rows


def converged_table(outcome: Outcome) -> Table:
    """Epochs and minutes until trainings of every size and arm had converged."""
    arms = [arm.name for arm in outcome.experiment.arms]
    rows: list[list[Any]] = []
    for size in outcome.sizes:
        costs = outcome.of_size(size).costs
        found = [{str(c["draw"]): until_converged(c["curve"]) for c in costs.get(arm, ())}
                 for arm in arms]  # fmt: skip
        for k, until in enumerate(("epochs", "minutes")):
            of_arms = [{draw: float(one[k]) for draw, one in of.items()} for of in found]
            rows.append([size, until, *(str(estimate(values)) for values in of_arms)])
    said = "Measured: mean (95 % interval over trainings, n trainings)."
    return Table(["subjects", "until", *arms], rows, said)


def loss_charts(outcome: Outcome) -> list[Lines]:
    """Losses by epoch, of the largest size's first seed."""
    largest = outcome.sizes[-1]
    curves = {arm: costs[0]["curve"] for arm, costs in outcome.of_size(largest).costs.items()
              if costs}  # fmt: skip
    epochs = {arm: [row[0] for row in curve] for arm, curve in curves.items()}
    train = {arm: (epochs[arm], [row[1] for row in curve]) for arm, curve in curves.items()}
    val = {arm: (epochs[arm], validation_losses(curve)) for arm, curve in curves.items()}
    note = f"{largest} training subjects, first seed."
    return [Lines(train, "epoch", "training loss", note),
            Lines(val, "epoch", "validation loss (1 - Dice)", note)]  # fmt: skip
