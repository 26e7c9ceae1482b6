"""From measured rows to what a run keeps: a predictor per mode, the temperature, lesions."""

from collections.abc import Sequence

import numpy as np

from segscope.trust.choose import CLEAN, Table
from segscope.trust.figures import FIGURES, MEAN, MODES, figures_of
from segscope.trust.lesions import LesionModel, fit_lesions
from segscope.trust.measure import Row
from segscope.trust.predictor import FEWEST_SUBJECTS, Predictor, fit_predictor
from segscope.trust.quality_file import Quality
from segscope.trust.reference import Reference
from segscope.trust.temperature import fit_temperature


def fit_quality(rows: Sequence[Row], reference: Reference, *, weights: str) -> Quality:
    """Fit what predicts the quality of a run's predictions.

    Args:
        rows: Of cases that did not train.
        reference: Of those that did.
        weights: Hash of the weights.
    """
    clean = [row for row in rows if row.kind == CLEAN]
    subjects = len({row.subject for row in clean})
    measured = _measured(rows)
    predictors: dict[str, dict[str, Predictor]] = {}
    why: dict[str, str] = {}
    for mode in MODES:
        figures = figures_of(mode, measured)
        needed = [n for n in figures_of(mode, list(FIGURES)) if FIGURES[n].first == mode]
        if needed and not set(needed) & set(figures):
            said = " and ".join(needed)
            why[mode] = f"{said} not measured; segscope quality RUN --calibrate DATASET does"
            continue
        found = fit_targets(rows, figures)
        if found:
            predictors[mode] = found
        else:
            why[mode] = (
                f"{subjects} subjects with a known Dice did not train, at least {FEWEST_SUBJECTS} "
                "are needed: only the order of predictions is known"
            )
    return Quality(
        weights=weights,
        reference=reference,
        temperature=_temperature(clean),
        predictors=predictors,
        cases={"clean": len(clean), "damaged": len(rows) - len(clean), "subjects": subjects},
        why=why,
        lesions=_lesions(clean),
    )


def fit_targets(rows: Sequence[Row], figures: Sequence[str]) -> dict[str, Predictor]:
    """Fit a predictor of the mean Dice, and with the same regression one of every label's.

    A label whose Dice is known of too few subjects has none.
    """
    mean = fit_predictor(table_of(rows, MEAN, figures), figures)
    if mean is None:
        return {}
    found = {MEAN: mean}
    labels = [name for name in rows[0].dice if name != MEAN]
    for label in labels:
        table = table_of(rows, label, figures)
        own = mean if len(labels) == 1 else _of_label(table, figures, mean.model.family)
        if own is not None:
            found[label] = own
    return found


def _of_label(table: Table, figures: Sequence[str], family: str) -> Predictor | None:
    return fit_predictor(table, figures, family=family)


def table_of(rows: Sequence[Row], target: str, figures: Sequence[str]) -> Table:
    """Lay rows out whose Dice of a target is defined."""
    known = [row for row in rows if np.isfinite(row.dice[target])]
    return Table(
        x=np.array([[row.figures[target][name] for name in figures] for row in known]).reshape(
            len(known), len(figures)
        ),
        y=np.array([row.dice[target] for row in known]),
        subjects=np.array([row.subject for row in known], str),
        kinds=np.array([row.kind for row in known], str),
        directions=tuple(FIGURES[name].direction for name in figures),
    )


def _measured(rows: Sequence[Row]) -> list[str]:
    """Figures that every row has, and that are finite in all."""
    return [
        name
        for name in FIGURES
        if rows and all(np.isfinite(own.get(name, np.nan)) for row in rows
                        for own in row.figures.values())
    ]  # fmt: skip


def _temperature(rows: Sequence[Row]) -> float:
    known = [row.voxels for row in rows if row.voxels is not None]
    if not known:
        return 1.0
    parts = zip(*known, strict=True)
    p, y = (np.concatenate(part) for part in parts)
    return fit_temperature(p, y)


def _lesions(rows: Sequence[Row]) -> LesionModel | None:
    found = [(one, true, row.subject) for row in rows for one, true in row.lesions]
    if not found:
        return None
    lesions, true, subjects = zip(*found, strict=True)
    return fit_lesions(lesions, true, subjects)
