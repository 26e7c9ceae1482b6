"""Learning curves over training subjects: tables, paired differences and a figure by size."""

from typing import Any

from segscope.experiments.statistics import Estimate, holm
from segscope.experiments.table import Outcome
from segscope.report import Table, learning_figure


def size_table(outcome: Outcome, metric: str) -> Table:
    """A metric of every size and label, arm by arm."""
    arms = [arm.name for arm in outcome.experiment.arms]
    rows: list[list[Any]] = []
    for size in outcome.sizes:
        part = outcome.of_size(size)
        for label in dict.fromkeys(str(row["label"]) for row in part.rows):
            found = part.estimates(metric, label)
            cells = [_cell(found[arm]) if arm in found else "" for arm in arms]
            rows.append([size, label, *cells])
    return Table(
        ["subjects", "label", *arms],
        rows,
        f"{metric.replace('_', ' ')}: mean (95 % interval over subjects, n subjects), sd between "
        "subjects.",
    )


def size_pairs(outcome: Outcome, metric: str) -> Table:
    """Differences from the reference at every size; Holm's correction is over all of them."""
    pairs = [
        (size, pair) for size in outcome.sizes for pair in outcome.of_size(size).differences(metric)
    ]
    adjusted = holm([pair.p for _, pair in pairs])
    rows = [
        [size, pair.arm, _cell(pair.estimate), pair.p, p]
        for (size, pair), p in zip(pairs, adjusted, strict=True)
    ]
    return Table(
        ["subjects", "arm", f"{metric} less {outcome.experiment.reference}", "p", "p (Holm)"],
        rows,
        "Paired by subject, mean of labels; Wilcoxon's test, corrected by Holm over all rows.",
    )


def size_figure(outcome: Outcome, metric: str) -> bytes:
    """Draw every arm's means by size."""
    curves: dict[str, list[tuple[float, float, float, float]]] = {}
    for size in outcome.sizes:
        for arm, one in outcome.of_size(size).estimates(metric).items():
            curves.setdefault(arm, []).append((float(size), one.mean, one.low, one.high))
    order = [arm.name for arm in outcome.experiment.arms if arm.name in curves]
    drawn = {arm: curves[arm] for arm in order}
    return learning_figure(drawn, "training subjects", f"{metric} of test subjects")


def _cell(found: Estimate) -> str:
    sd = f", sd {found.sd:.3g}" if found.n > 1 else ""
    return f"{found}{sd}" + (f", {found.undefined} undefined" if found.undefined else "")
