"""What an audit comes to: means of layers and units, which cases to look at, quality by truth."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from segscope.audit.result import CaseAudit, DatasetAudit, mean_of
from segscope.explain import augrc, aurc, correlations, share_to_review

MU = (
    "mu: how well the units of the last two layers agree with the network's own output (mean SA, 0 "
    "to 1); higher is better, and no truth is needed"
)
"""What mu is, in a line for those who read it for the first time."""

COVERAGES = (1.0, 0.9, 0.7, 0.5)
"""Shares of cases that are kept when those with the lowest figure are rejected."""


def worst_first(found: DatasetAudit) -> list[CaseAudit]:
    """Sort cases by mu, lowest first; an undefined mu comes before all."""
    return sorted(found.cases, key=lambda case: (case.mu == case.mu, case.mu, case.name))


def most_suspicious(found: DatasetAudit) -> list[CaseAudit]:
    """Sort cases whose label may be wrong first: the network is sure, and the label says otherwise.

    By mu minus Dice, highest first; cases without either come last.
    """

    def doubt(case: CaseAudit) -> float:
        known = case.mu == case.mu and case.dice == case.dice
        return case.mu - case.dice if known else float("-inf")

    return sorted(found.cases, key=lambda case: (-doubt(case), case.name))


def layer_means(found: DatasetAudit, score: str) -> list[float]:
    """Mean over cases and classes of one score, per layer."""
    means = []
    for number in range(len(found.layers)):
        layers = [case.layers[number] for case in found.cases]
        values = [
            value
            for layer in layers
            for value in (layer.scores[score] if score in layer.scores else getattr(layer, score))
        ]
        means.append(mean_of(values))
    return means


def unit_means(found: DatasetAudit, number: int, score: str) -> list[float]:
    """Mean over cases and classes of one score, per unit of a layer."""
    units = [getattr(case.units[number], score) for case in found.cases]
    return [
        mean_of([value for case in units for value in case[unit]]) for unit in range(len(units[0]))
    ]


def quality_row(name: str, quality: Sequence[float], dice: Sequence[float]) -> list[Any]:
    """One row of the table of figures: correlations, areas, share to review."""
    both = correlations(quality, dice)
    share = share_to_review(quality, dice, 0.9)
    return [
        name, both.pearson, both.spearman, aurc(quality, dice), augrc(quality, dice),
        "not possible" if share is None else f"{100 * share:.0f} %",
    ]  # fmt: skip


def quarter_means(quality: Sequence[float], dice: Sequence[float]) -> list[float]:
    """Mean Dice of the cases in each quarter of a figure, lowest first.

    Cases of equal figure share the mean of their Dice, so their order cannot matter.

    Example:
        >>> quarter_means([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4])
        [0.1, 0.2, 0.3, 0.4]
    """
    groups: dict[float, list[float]] = {}
    for figure, value in zip(quality, dice, strict=True):
        groups.setdefault(figure, []).append(value)
    ordered = [fmean(groups[q]) for q in sorted(groups) for _ in groups[q]]
    edges = [round(k * len(ordered) / 4) for k in range(5)]
    return [mean_of(ordered[a:b]) for a, b in pairwise(edges)]


def layers_of(case: CaseAudit) -> list[float]:
    """SA of every layer, over classes the mean."""
    return [mean_of(layer.scores.get("dice", ())) for layer in case.layers]


def pooled(audits: Sequence[DatasetAudit], name: str) -> DatasetAudit:
    """Put the cases of several audits together, which are of one kind of network."""
    cases = tuple(case for one in audits for case in one.cases)
    return DatasetAudit(name, audits[0].classes, cases, audits[0].made_with)


def with_dice(found: DatasetAudit) -> DatasetAudit:
    """Leave out cases where the output's Dice is undefined."""
    kept = tuple(case for case in found.cases if case.dice == case.dice)
    return DatasetAudit(found.model, found.classes, kept, found.made_with)
