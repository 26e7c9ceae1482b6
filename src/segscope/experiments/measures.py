"""Several measures of two arms, each compared by subject; p are corrected for their number."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from segscope.experiments.statistics import (
    Difference,
    Estimate,
    Values,
    differences,
    estimate,
    holm,
)


@dataclass(frozen=True)
class Compared:
    """One measure of both arms over subjects, and how far the second is from the first."""

    name: str
    arms: Mapping[str, Estimate]
    difference: Difference


def compare_measures(
    measures: Mapping[str, Mapping[str, Values]], reference: str
) -> list[Compared]:
    """Compare two arms in several measures.

    Args:
        measures: Measure to arm to the values of its subjects.
        reference: The arm that the other one is compared with.

    Example:
        >>> a, b = ({str(k): x + k / 10 for k in range(3)} for x in (0.0, 0.5))
        >>> (found,) = compare_measures({"dice": {"a": a, "b": b}}, "a")
        >>> found.name, round(found.arms["b"].mean, 9), round(found.difference.estimate.mean, 9)
        ('dice', 0.6, 0.5)
    """
    found = []
    for name, arms in measures.items():
        (difference,) = differences(arms, reference)
        found.append(Compared(name, {arm: estimate(v) for arm, v in arms.items()}, difference))
    adjusted = holm([one.difference.p for one in found])
    return [
        replace(one, difference=replace(one.difference, p_holm=p))
        for one, p in zip(found, adjusted, strict=True)
    ]
