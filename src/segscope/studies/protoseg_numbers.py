"""What the measures of the segmentation-ability study come to: estimates over subjects."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segscope.audit import CaseAudit, quality_of
from segscope.audit.controls import Controlled
from segscope.audit.result import mean_of
from segscope.audit.sensitivity import Noisy, Separable
from segscope.audit.summary import layers_of, pooled, with_dice
from segscope.data import Dataset
from segscope.experiments.measures import Compared, compare_measures
from segscope.experiments.statistics import Estimate, Values, by_subject, estimate, mean_known
from segscope.explain import correlations
from segscope.explain.coverage import drawn_spearman
from segscope.metrics import Interval, grouped_intervals
from segscope.studies.protoseg_measures import ARMS, Audited

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Statistic = Callable[[Numbers, Numbers], float]

Subjects = Mapping[str, str]
"""Case to subject."""

CHANCE = "chance"

Audits = Mapping[str, Sequence[Audited]]
"""Arm to the audits of its trials."""


def subjects_of(dataset: Dataset) -> Subjects:
    """Case to subject."""
    return {case.name: case.group for case in dataset.training}


def over_subjects(values: Sequence[tuple[str, float]], subjects: Subjects) -> Values:
    """Average (case, value) over repetitions of a case, then over a subject's cases."""
    return by_subject([(subjects[case], case, value) for case, value in values])


def last_map(case: CaseAudit) -> float:
    """SA of the last layer where the output's Dice is defined too: of the same cases.

    Where truth and output are both empty a layer's map need not be, and would count as 0.
    """
    return layers_of(case)[-1] if case.dice == case.dice else float("nan")


def outputs(audits: Audits, subjects: Subjects) -> list[Compared]:
    """Dice of the output, SA of the last layer's map, SA over all layers, and mu."""
    measures: dict[str, Callable[[CaseAudit], float]] = {
        "output B": lambda case: case.dice,
        "last map": last_map,
        "mean over layers": lambda case: mean_of(layers_of(case)),
        "mu": lambda case: case.mu,
    }
    return _compared(measures, audits, subjects)


def layers(audits: Audits, subjects: Subjects) -> list[Compared]:
    """SA of every layer."""
    names = audits[ARMS[0]][0].found.layers
    measures = {name: partial(_layer, number) for number, name in enumerate(names)}
    return _compared(measures, audits, subjects)


def above_chance(audits: Sequence[Audited], subjects: Subjects) -> list[Compared]:
    """SA of every layer against the same with the guide moved half the image away, by subject."""
    cases = [case for one in audits for case in one.found.cases]
    measures = {}
    for number, name in enumerate(audits[0].found.layers):
        own = [(case.name, _layer(number, case)) for case in cases]
        moved = [(case.name, mean_of(case.layers[number].chance)) for case in cases]
        measures[name] = {
            CHANCE: over_subjects(moved, subjects),
            "SA": over_subjects(own, subjects),
        }
    return compare_measures(measures, CHANCE)


def controls(
    found: Sequence[Controlled], layers: Sequence[str], subjects: Subjects
) -> dict[str, dict[str, Estimate]]:
    """SA of every layer under every control: control to layer."""
    return {
        control: {
            layer: estimate(
                over_subjects([(one.case, one.abilities[k]) for one in found
                               if one.control == control], subjects)
            )
            for k, layer in enumerate(layers)
        }
        for control in dict.fromkeys(one.control for one in found)
    }  # fmt: skip


def against_offline(audits: Audits, arm: str, subjects: Subjects) -> list[Compared]:
    """Dice of the output and SA of the last map of another arm less those offline."""
    measures = {"output B": lambda case: case.dice, "last map": last_map}
    values = {
        name: {of: _of_arm(audits[of], subjects, value) for of in (ARMS[0], arm)}
        for name, value in measures.items()
    }
    return compare_measures(values, ARMS[0])


def rank_correlations(audits: Sequence[Audited], subjects: Subjects) -> dict[str, Interval]:
    """Spearman's correlation of every figure of quality with Dice.

    Of each seed over all its cases, over seeds the mean; the interval is over subjects, of whom
    all cases and seeds are drawn together.
    """
    seeds = np.array([one.trial.draw.seed for one in audits for case in one.found.cases
                      if case.dice == case.dice])  # fmt: skip
    found = with_dice(pooled([one.found for one in audits], ""))
    dice = np.array([case.dice for case in found.cases])
    lists = {name: np.array(values) for name, values in quality_of(found).items()}

    def over_seeds(statistic: Statistic, places: Places) -> dict[str, float]:
        parts = [places[seeds[places] == seed] for seed in np.unique(seeds)]
        return {
            name: mean_known([statistic(values[part], dice[part]) for part in parts])
            for name, values in lists.items()
        }

    whole = over_seeds(lambda q, d: correlations(q, d).spearman, np.arange(len(dice)))
    groups = [subjects[case.name] for case in found.cases]
    return grouped_intervals(whole, partial(over_seeds, drawn_spearman), groups)


def separableness(found: Sequence[Separable], subjects: Subjects) -> dict[str, Estimate]:
    """SA of the intensities, Dice of the output, and their distance (Table 3)."""
    columns: dict[str, Callable[[Separable], float]] = {
        "intensities": lambda one: one.intensities,
        "dice": lambda one: one.dice,
        "distance": lambda one: one.distance,
    }
    return {
        name: estimate(over_subjects([(one.case, value(one)) for one in found], subjects))
        for name, value in columns.items()
    }


def noise_curves(found: Sequence[Noisy], subjects: Subjects) -> dict[float, list[Estimate]]:
    """Change of SA per maximum of the noise and layer (Fig. 16)."""
    curves = {}
    for maximum in dict.fromkeys(one.maximum for one in found):
        of_maximum = [one for one in found if one.maximum == maximum]
        curves[maximum] = [
            estimate(over_subjects([(one.case, one.change[k]) for one in of_maximum], subjects))
            for k in range(len(of_maximum[0].change))
        ]
    return curves


def _compared(
    measures: Mapping[str, Callable[[CaseAudit], float]], audits: Audits, subjects: Subjects
) -> list[Compared]:
    values = {
        name: {arm: _of_arm(audits[arm], subjects, value) for arm in ARMS}
        for name, value in measures.items()
    }
    return compare_measures(values, ARMS[0])


def _of_arm(
    audits: Sequence[Audited], subjects: Subjects, value: Callable[[CaseAudit], float]
) -> Values:
    cases = [(case.name, value(case)) for one in audits for case in one.found.cases]
    return over_subjects(cases, subjects)


def _layer(number: int, case: CaseAudit) -> float:
    return layers_of(case)[number]
