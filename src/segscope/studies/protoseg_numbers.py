"""What the measures of the segmentation-ability study come to: estimates over subjects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from segscope.audit import CaseAudit, DatasetAudit, quality_of
from segscope.audit.result import mean_of
from segscope.data import Dataset
from segscope.experiments.statistics import (
    Difference,
    Estimate,
    Values,
    by_subject,
    differences,
    estimate,
    estimate_of,
    holm,
    mean_known,
)
from segscope.explain import correlations
from segscope.studies.protoseg_measures import ARMS, Audited, Noisy, Separable, layers_of

Subjects = Mapping[str, str]
"""Case to subject."""

Audits = Mapping[str, Sequence[Audited]]
"""Arm to the audits of its trials."""


@dataclass(frozen=True)
class Ability:
    """One measure of both arms over subjects, and how far the second is from the first."""

    name: str
    arms: Mapping[str, Estimate]
    difference: Difference


def subjects_of(dataset: Dataset) -> Subjects:
    """Case to subject."""
    return {case.name: case.group for case in dataset.training}


def over_subjects(values: Sequence[tuple[str, float]], subjects: Subjects) -> Values:
    """Average (case, value) over repetitions of a case, then over a subject's cases."""
    return by_subject([(subjects[case], case, value) for case, value in values])


def pooled(audits: Sequence[Audited], name: str) -> DatasetAudit:
    """Put the cases of several trials' audits together."""
    cases = tuple(case for one in audits for case in one.found.cases)
    return DatasetAudit(name, audits[0].found.classes, cases, audits[0].found.made_with)


def with_dice(found: DatasetAudit) -> DatasetAudit:
    """Leave out cases where the output's Dice is undefined."""
    kept = tuple(case for case in found.cases if case.dice == case.dice)
    return DatasetAudit(found.model, found.classes, kept, found.made_with)


def last_map(case: CaseAudit) -> float:
    """SA of the last layer where the output's Dice is defined too: of the same cases.

    Where truth and output are both empty a layer's map need not be, and would count as 0.
    """
    return layers_of(case)[-1] if case.dice == case.dice else float("nan")


def outputs(audits: Audits, subjects: Subjects) -> list[Ability]:
    """Dice of the output, SA of the last layer's map, SA over all layers, and mu."""
    measures: dict[str, Callable[[CaseAudit], float]] = {
        "output B": lambda case: case.dice,
        "last map": last_map,
        "mean over layers": lambda case: mean_of(layers_of(case)),
        "mu": lambda case: case.mu,
    }
    return _compared(measures, audits, subjects)


def layers(audits: Audits, subjects: Subjects) -> list[Ability]:
    """SA of every layer."""
    names = audits[ARMS[0]][0].found.layers
    measures = {name: partial(_layer, number) for number, name in enumerate(names)}
    return _compared(measures, audits, subjects)


def rank_correlations(audits: Sequence[Audited], subjects: Subjects) -> dict[str, Estimate]:
    """Spearman's correlation of every figure of quality with Dice.

    Of each seed over all its cases, over seeds the mean; the interval is over subjects, of whom
    all cases and seeds are drawn together.
    """
    seeds = dict.fromkeys(one.trial.draw.seed for one in audits)
    found = [
        with_dice(pooled([one for one in audits if one.trial.draw.seed == seed], ""))
        for seed in seeds
    ]
    lists = [quality_of(one) for one in found]
    cases = [_places(one, subjects) for one in found]
    known = {subject for places in cases for subject in places}

    def spearman(figure: str, drawn: Sequence[str]) -> float:
        values = []
        for one, quality, places in zip(found, lists, cases, strict=True):
            rows = [k for subject in drawn for k in places.get(subject, ())]
            dice = [one.cases[k].dice for k in rows]
            values.append(correlations([quality[figure][k] for k in rows], dice).spearman)
        return mean_known(values)

    return {figure: estimate_of(partial(spearman, figure), sorted(known)) for figure in lists[0]}


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
) -> list[Ability]:
    """Compare the arms in several measures; p are corrected for how many there are."""
    found = []
    for name, value in measures.items():
        arms = {arm: _of_arm(audits[arm], subjects, value) for arm in ARMS}
        (difference,) = differences(arms, ARMS[0])
        estimates = {arm: estimate(values) for arm, values in arms.items()}
        found.append(Ability(name, estimates, difference))
    adjusted = holm([one.difference.p for one in found])
    return [
        replace(one, difference=replace(one.difference, p_holm=p))
        for one, p in zip(found, adjusted, strict=True)
    ]


def _of_arm(
    audits: Sequence[Audited], subjects: Subjects, value: Callable[[CaseAudit], float]
) -> Values:
    cases = [(case.name, value(case)) for one in audits for case in one.found.cases]
    return over_subjects(cases, subjects)


def _layer(number: int, case: CaseAudit) -> float:
    return layers_of(case)[number]


def _places(found: DatasetAudit, subjects: Subjects) -> dict[str, list[int]]:
    """Subject to the places of its cases."""
    places: dict[str, list[int]] = {}
    for k, case in enumerate(found.cases):
        places.setdefault(subjects[case.name], []).append(k)
    return places
