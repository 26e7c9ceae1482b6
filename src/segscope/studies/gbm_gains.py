"""Gains in percent of the image's own Dice, as the mask paper's text has them, with intervals."""

import math
from collections.abc import Mapping, Sequence

from segscope.experiments import Outcome
from segscope.experiments.statistics import Difference, Estimate
from segscope.report import Table

_REFERENCE = "image"


def gain_percent(difference: Difference, reference: Estimate) -> tuple[float, float, float]:
    """A paired difference and its 95 % interval in percent of the reference's mean.

    ``nan`` where the reference is 0: nothing can be gained in percent of nothing.
    """
    found = difference.estimate
    if not reference.mean > 0:
        return math.nan, math.nan, math.nan
    scale = 100 / reference.mean
    return found.mean * scale, found.low * scale, found.high * scale


def gain_table(outcome: Outcome) -> Table:
    """Gain of every input over the image alone, by training subjects."""
    rows = []
    for size in outcome.sizes:
        part = outcome.of_size(size)
        means = part.estimates("dice")
        for one in part.differences("dice") if _REFERENCE in means else ():
            gain, low, high = gain_percent(one, means[_REFERENCE])
            said = f"{gain:+.1f} % ({low:+.1f} to {high:+.1f})"
            shown = "shown" if one.shown else "not shown"
            rows.append([size, one.arm, said if gain == gain else "", one.p_holm, shown])
    return Table(
        ["cases", "shown", "gain in Dice", "p (Holm)", ""], rows,
        "Paired by subject, in percent of the image's mean (95 % interval).",
    )  # fmt: skip


def paper_gains(means: Sequence[Sequence[float]]) -> list[list[float]]:
    """Gains of the paper's means: of rows of size, image, mask, both.

    Example:
        >>> paper_gains([[1, 0.5, 0.6, 0.75]])
        [[1, 20.0, 50.0]]
    """
    return [
        [size, *(round(100 * (value / image - 1), 1) for value in others)]
        for size, image, *others in means
    ]


def paper_tables(printed: Mapping[str, Sequence[Sequence[float]]]) -> list[Table]:
    """The paper's gains, by its tables of means."""
    return [
        Table(["cases", "mask, %", "image and mask, %"], paper_gains(means),
              f"The paper, {part}: gains of the printed means over structures.")
        for part, means in printed.items()
    ]  # fmt: skip
