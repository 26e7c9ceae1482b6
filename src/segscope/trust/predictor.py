"""A predicted Dice with an interval, for one target in one mode; plain numbers, kept as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.trust.choose import CLEAN, Crossed, Table, choose_family, cross_fit
from segscope.trust.figures import FIGURES
from segscope.trust.intervals import conformal_width, cv_plus
from segscope.trust.models import FAMILIES, Model, model_from

FEWEST_SUBJECTS = 8
"""Below, only the order is known."""

FEWEST_TO_CHOOSE = 20
"""Subjects; below, the Dice is predicted from soft Dice confidence alone."""

COVERAGE = 0.9
"""Share of new cases, like those that were learned from, whose Dice the interval shall hold."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """What is predicted of one case.

    Args:
        dice: Between 0 and 1.
        lower: Of the interval.
        upper: Of the interval.
        unlike: Beyond what the clean known cases are like: the interval is widened.
        withdrawn: Beyond the corrupted ones too: nothing backs a number.
    """

    dice: float
    lower: float
    upper: float
    unlike: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, eq=False)
class Predictor:
    """Predicts the Dice of one target from figures.

    Args:
        figures: Names, in the order of the models' columns.
        model: Fitted to all known cases.
        folds: One model per fold, for the interval.
        fold: Of each known clean case, one per subject.
        residuals: Of the same.
        scores: What was predicted of the same without their help.
        dice: Of the same.
        extra: What the interval is widened by where the case is unlike training.
        limits: Largest shift of the clean, and of all known cases.
        usual: Median of each figure over the clean cases.
        measured: What cross-validation says of it: errors, cover, order.
    """

    figures: tuple[str, ...]
    model: Model
    folds: tuple[Model, ...]
    fold: tuple[int, ...]
    residuals: tuple[float, ...]
    scores: tuple[float, ...]
    dice: tuple[float, ...]
    extra: float
    limits: tuple[float, float]
    usual: tuple[float, ...]
    measured: dict[str, Any]

    def predict(self, figures: Mapping[str, float]) -> Predicted:
        """Predict the Dice of a case.

        Raises:
            ValueError: A figure is missing or not finite.
        """
        x = self.vector(figures)
        middle = float(self.model.predict(x[None]).clip(0, 1)[0])
        by_fold = np.array([float(one.predict(x[None])[0]) for one in self.folds])
        lower, upper = cv_plus(by_fold, self.fold, self.residuals, coverage=COVERAGE)
        shift = figures.get("shift", -math.inf)
        unlike, withdrawn = shift > self.limits[0], shift > self.limits[1]
        room = self.extra if unlike else 0.0
        lower, upper = min(lower - room, middle), max(upper + room, middle)
        return Predicted(middle, max(0.0, lower), min(1.0, upper), unlike, withdrawn)

    def vector(self, figures: Mapping[str, float]) -> Array:
        """Put figures in order.

        Raises:
            ValueError: One is missing or not finite.
        """
        values = np.array([figures.get(name, math.nan) for name in self.figures], np.float64)
        if not np.isfinite(values).all():
            odd = [n for n, v in zip(self.figures, values, strict=True) if not np.isfinite(v)]
            raise ValueError(f"figures: {', '.join(odd)} is missing or not finite")
        return values

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        numbers = ("fold", "residuals", "scores", "dice", "usual")
        return {
            "figures": list(self.figures),
            "model": self.model.to_dict(),
            "folds": [one.to_dict() for one in self.folds],
            **{name: list(getattr(self, name)) for name in numbers},
            "extra": self.extra,
            "limits": [None if math.isinf(v) else v for v in self.limits],
            "measured": self.measured,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Predictor":
        """Take back what `to_dict` gave.

        Raises:
            ValueError: Figures or a model that are not known.
        """
        names = tuple(facts["figures"])
        if odd := [name for name in names if name not in FIGURES]:
            raise ValueError(f"figure {odd[0]!r} is not known")
        floats = {
            name: tuple(float(v) for v in facts[name])
            for name in ("residuals", "scores", "dice", "usual")
        }
        low, high = (math.inf if v is None else float(v) for v in facts["limits"])
        return cls(
            figures=names,
            model=model_from(facts["model"]),
            folds=tuple(model_from(one) for one in facts["folds"]),
            fold=tuple(int(v) for v in facts["fold"]),
            extra=float(facts["extra"]),
            limits=(low, high),
            measured=dict(facts["measured"]),
            **floats,
        )


def fit_predictor(
    table: Table, figures: Sequence[str], *, family: str | None = None, seed: int = 0
) -> Predictor | None:
    """Fit a predictor to known cases; None where fewer than eight subjects are known.

    Args:
        table: Clean cases, and corrupted ones; the first figure is ``sdc``.
        figures: Names of its columns.
        family: Of the regression; chosen by cross-validation where not given.
        seed: Decides the folds, and which case stands for its subject.
    """
    clean = table.kinds == CLEAN
    subjects = len(np.unique(table.subjects[clean]))
    if subjects < FEWEST_SUBJECTS:
        return None
    families = tuple(FAMILIES) if subjects >= FEWEST_TO_CHOOSE else ("isotonic",)
    families = (family,) if family is not None else families
    crossed = cross_fit(table, families, seed=seed)
    chosen = choose_family(table, families)
    off = np.abs(crossed.predicted - table.y)
    one = _one_a_subject(table.subjects, clean, seed)
    width = conformal_width(off[one].tolist(), COVERAGE)
    wide = conformal_width(off[~clean].tolist(), COVERAGE) if (~clean).any() else math.inf
    extra = max(0.0, min(wide, 1.0) - min(width, 1.0))
    shift = table.x[:, list(figures).index("shift")] if "shift" in figures else None
    limits = (
        (math.inf, math.inf) if shift is None else (float(shift[clean].max()), float(shift.max()))
    )
    measured = _measured(table, crossed, clean, (width, extra), shift, limits[0])
    return Predictor(
        figures=tuple(figures),
        model=table.fit(chosen),
        folds=crossed.models,
        fold=tuple(int(k) for k in crossed.fold[one]),
        residuals=tuple(off[one].tolist()),
        scores=tuple(crossed.predicted[one].tolist()),
        dice=tuple(table.y[one].tolist()),
        extra=extra,
        limits=limits,
        usual=tuple(np.median(table.x[clean], 0).tolist()),
        measured={"family": chosen, "subjects": subjects, **measured},
    )


def _one_a_subject(
    subjects: NDArray[np.str_], clean: NDArray[np.bool_], seed: int
) -> NDArray[np.intp]:
    """Places of one clean case of every subject, drawn: such cases are as good as independent."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(clean))
    _, first = np.unique(subjects[order], return_index=True)
    return np.sort(order[first])


def _measured(
    table: Table,
    crossed: Crossed,
    clean: NDArray[np.bool_],
    widths: tuple[float, float],
    shift: Array | None,
    limit: float,
) -> dict[str, Any]:
    """What the cross-validated predictions were worth."""
    off = np.abs(crossed.predicted - table.y)
    width, extra = widths
    room = np.full(len(off), width)
    if shift is not None:
        room = np.where(shift > limit, width + extra, room)
    plain = np.abs(table.y[clean] - np.median(table.y[clean])).mean()
    facts: dict[str, Any] = {
        "cases": int(clean.sum()),
        "mean_absolute_error": float(off[clean].mean()),
        "error_of_the_median": float(plain),  # what saying the same of every case would cost
        "covered": _covered(off[clean]),
        "corrupted_cases": int((~clean).sum()),
    }
    if (~clean).any():
        facts["corrupted_mean_absolute_error"] = float(off[~clean].mean())
        facts["corrupted_covered"] = float((off[~clean] <= room[~clean]).mean())
    return facts


def _covered(off: Array) -> float:
    """Share of cases within the width that all others give."""
    inside = [
        value <= conformal_width(np.delete(off, k).tolist(), COVERAGE)
        for k, value in enumerate(off)
    ]
    return float(np.mean(inside))
