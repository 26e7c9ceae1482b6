"""What pages of studies lay out alike: arms' scores, paired differences, how it was trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from segscope.experiments.statistics import Difference, Estimate, mean_known
from segscope.experiments.table import Outcome
from segscope.report import Table


def trained_as(outcome: Outcome) -> str:
    """Say how long networks were trained on what, as the first trial's recipe has it."""
    recipe: dict[str, Any] = outcome.trials[0].recipe or {}
    train = recipe["train"]
    return (
        f"{train['epochs']} epochs of {train['steps_per_epoch']} steps, batch "
        f"{train['batch_size']}, patch {list(recipe['patch'])}, widths "
        f"{list(recipe['network']['widths'])}"
    )


def headed(columns: Sequence[str], rows: Mapping[Any, Sequence[Any]], caption: str) -> Table:
    """Lay out rows by what they are called, as a paper's printed numbers."""
    return Table(columns, [[name, *cells] for name, cells in rows.items()], caption)


def scores_table(
    outcome: Outcome,
    caption: str,
    *,
    names: Mapping[str, str] | None = None,
    extra: Mapping[str, Sequence[Any]] | None = None,
    columns: Sequence[str] = (),
) -> Table:
    """Lay out every arm's metrics in the arms' order: mean, deviation and interval by subject.

    Args:
        outcome: What was found.
        caption: Below.
        names: Arm to what it is called here.
        extra: Arm to more cells.
        columns: Of those cells.
    """
    metrics = outcome.experiment.metrics
    found = {metric: outcome.estimates(metric) for metric in metrics}
    rows = []
    for arm in outcome.experiment.arms:
        own = {m: found[m][arm.name] for m in metrics if arm.name in found[m]}
        if not own:
            continue
        shown = (names or {}).get(arm.name, arm.name)
        undefined = sum(one.undefined for one in own.values())
        n = max(one.n for one in own.values())
        more = (extra or {}).get(arm.name, ())
        rows.append([shown, *(spread(one) for one in own.values()), n, undefined,
                     minutes(outcome, arm.name), *more])  # fmt: skip
    heads = [metric.replace("_", " ") for metric in metrics]
    said = f"{caption} Mean, sd between subjects (95 % interval)."
    return Table(["", *heads, "subjects", "undefined", "minutes", *columns], rows, said)


def differences_table(found: Sequence[Difference], caption: str) -> Table:
    """Lay out paired differences, each with its interval and p."""
    reference = found[0].reference if found else ""
    rows = [
        [one.arm, str(one.estimate), one.p_holm,
         "differs" if one.shown else "no difference shown"]
        for one in found
    ]  # fmt: skip
    return Table(["", f"less {reference}", "p (Holm)", ""], rows, caption)


def minutes(outcome: Outcome, arm: str) -> float:
    """Mean minutes of an arm's trainings."""
    return mean_known([float(cost["minutes"]) for cost in outcome.costs.get(arm, ())])


def spread(found: Estimate) -> str:
    """Mean, deviation between subjects and interval, for a table's cell.

    Example:
        >>> spread(Estimate(0.5, 0.4, 0.6, 0.1, 4, 0))
        '0.5, 0.1 (0.4 to 0.6)'
    """
    if found.n < 2:
        return f"{found.mean:.4g}"
    return f"{found.mean:.4g}, {found.sd:.3g} ({found.low:.4g} to {found.high:.4g})"
