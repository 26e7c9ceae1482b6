"""What one wants to know of scores first: the metrics that matter, intervals, worst cases."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segscope.metrics.estimates import Estimate, by_subject, estimate
from segscope.metrics.summary import Row, Summary, counted_value, statistics

_WORST = 3
_LESIONS = 2.0
"""Pieces of the truth, on average, from which on a label is taken for one of lesions."""
_COUNTS = ("undefined", "counted_as_worst", "missing")


@dataclass(frozen=True)
class LabelOutcome:
    """One label's scores.

    Args:
        label: Its name.
        metrics: Name to the mean over subjects with its interval.
        odd: How many values were undefined, counted as worst, or missing, of any metric shown.
    """

    label: str
    metrics: dict[str, Estimate]
    odd: dict[str, int]


@dataclass(frozen=True)
class InShort:
    """The scores of a set of predictions in short.

    Args:
        labels: In the order of the summary.
        worst: Cases and their mean Dice over labels, the worst first; of several cases only.
        unit: What the intervals are over: ``subjects``, or ``cases`` where these are not known.
    """

    labels: tuple[LabelOutcome, ...]
    worst: tuple[tuple[str, float], ...]
    unit: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "labels": {
                one.label: {name: vars(found) for name, found in one.metrics.items()}
                for one in self.labels
            },
            "worst": dict(self.worst),
            "unit": self.unit,
        }


def outcome_of(summary: Summary) -> InShort:
    """Sum scores up: Dice, surface Dice and the 95th percentile distance; lesions where it has any.

    Metrics of installed packages that were asked for, and the challenge's five, are all shown.
    Intervals are bootstrapped over subjects, whose cases are averaged first.

    Args:
        summary: Scores of every case; a case whose subject is not known is its own.
    """
    groups = summary.subjects
    labels = []
    for label in dict.fromkeys(str(row["label"]) for row in summary.rows):
        rows = [row for row in summary.rows if row["label"] == label]
        names = shown_metrics(summary, rows)
        found = [statistics(rows, name) for name in names]
        counts = {key: max((int(one[key]) for one in found), default=0) for key in _COUNTS}
        labels.append(
            LabelOutcome(
                label,
                {name: _estimate(rows, name, groups) for name in names},
                {key: count for key, count in counts.items() if count},
            )
        )
    several = any(groups.get(str(row["case"])) for row in summary.rows)
    return InShort(tuple(labels), _worst(summary), "subjects" if several else "cases")


def shown_metrics(summary: Summary, rows: list[Row]) -> list[str]:
    """Names of the metrics of a label that are worth a line."""
    if summary.conventions.get("convention") != "default":
        return list(summary.metrics)
    named = [name for name in summary.metrics if name in ("dice", "nsd") or name.startswith("hd95")]
    if _has_lesions(rows):
        named += [name for name in ("lesion_recall", "lesion_f1") if name in summary.metrics]
    return named + [name for name in summary.more if name not in named]


def _has_lesions(rows: list[Row]) -> bool:
    pieces = [float(row.get("lesions_true", 0)) for row in rows if row.get("n_ref", 0) > 0]
    return bool(pieces) and sum(pieces) / len(pieces) >= _LESIONS


def _estimate(rows: list[Row], metric: str, groups: Mapping[str, str]) -> Estimate:
    cases = [str(row["case"]) for row in rows]
    values = [counted_value(row, metric) for row in rows]
    named = [(groups.get(case) or case, case, v) for case, v in zip(cases, values, strict=True)]
    return estimate(by_subject(named))


def _worst(summary: Summary) -> tuple[tuple[str, float], ...]:
    found: dict[str, list[float]] = {}
    for row in summary.rows:
        value = counted_value(row, "dice")
        if not math.isnan(value):
            found.setdefault(str(row["case"]), []).append(value)
    means = {case: sum(values) / len(values) for case, values in found.items()}
    ordered = sorted(means.items(), key=lambda item: item[1])
    return tuple(ordered[:_WORST]) if len(ordered) > _WORST else ()
