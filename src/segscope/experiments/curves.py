"""Learning curves: losses by epoch, and when they stop improving."""

import math
from collections.abc import Sequence

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
