"""Which regression, and how good it is: cross-validation over subjects, nested."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segscope.trust.models import FAMILIES, Model

FOLDS = 5
_INNER = 3
_KIND_GROUPS = 4

CLEAN = ""
"""Kind of a row whose image was not corrupted."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Known cases: a row each, and more rows for the same cases corrupted.

    Args:
        x: ``(n, F)`` figures.
        y: ``(n,)`` true Dice.
        subjects: ``(n,)`` names; folds keep a subject's rows together.
        kinds: ``(n,)`` names of corruptions, `CLEAN` of none.
        directions: Of each figure.
    """

    x: Array
    y: Array
    subjects: NDArray[np.str_]
    kinds: NDArray[np.str_]
    directions: tuple[int, ...]

    def at(self, rows: NDArray[np.bool_]) -> "Table":
        """Take some rows."""
        return Table(
            self.x[rows], self.y[rows], self.subjects[rows], self.kinds[rows], self.directions
        )

    def fit(self, family: str) -> Model:
        """Fit a regression to all rows."""
        return FAMILIES[family](self.x, self.y, self.directions)


@dataclass(frozen=True, eq=False)
class Crossed:
    """Every row predicted by a regression that saw nothing of its subject, nor of its kind.

    Args:
        predicted: ``(n,)``.
        fold: ``(n,)``.
        models: One per fold, fitted to all rows of the other folds' subjects.
    """

    predicted: Array
    fold: NDArray[np.intp]
    models: tuple[Model, ...]


def assign_folds(subjects: Sequence[str], folds: int, seed: int) -> NDArray[np.intp]:
    """Give every row its subject's fold; folds hold as many subjects as each other, or one more.

    Example:
        >>> found = assign_folds(["a", "a", "b", "c"], 2, 0)
        >>> bool(found[0] == found[1]), sorted(set(found.tolist()))
        (True, [0, 1])
    """
    names, own = np.unique(np.asarray(subjects, str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    number = np.empty(len(names), np.intp)
    number[order] = np.arange(len(names)) % max(1, min(folds, len(names)))
    return number[own]


def choose_family(table: Table, families: Sequence[str], *, folds: int = _INNER) -> str:
    """Choose the simplest regression that is within one standard error of the best.

    Args:
        table: Known cases.
        families: From the simplest to the richest.
        folds: Of cross-validation over subjects.
    """
    if len(families) == 1:
        return families[0]
    fold = assign_folds(table.subjects.tolist(), folds, 1)
    found = {name: np.empty(len(table.y)) for name in families}
    for k in np.unique(fold):
        outside, inside = table.at(fold != k), fold == k
        for name, predicted in found.items():
            predicted[inside] = outside.fit(name).predict(table.x[inside])
    names, own = np.unique(table.subjects, return_inverse=True)
    errors = {
        name: np.bincount(own, np.abs(p.clip(0, 1) - table.y)) / np.bincount(own)
        for name, p in found.items()
    }
    best = min(errors.values(), key=lambda per_subject: float(per_subject.mean()))
    limit = best.mean() + best.std(ddof=1) / np.sqrt(len(names))
    return next(name for name in families if errors[name].mean() <= limit)


def cross_fit(table: Table, families: Sequence[str], *, seed: int = 0) -> Crossed:
    """Predict every row from other subjects, corrupted ones from other kinds of corruption too.

    In each fold the regression is chosen anew, so that what comes out is honest about the choice.
    """
    fold = assign_folds(table.subjects.tolist(), FOLDS, seed)
    group = _kind_groups(table.kinds)
    predicted, models = np.empty(len(table.y)), []
    for k in range(int(fold.max()) + 1):
        outside = table.at(fold != k)
        family = choose_family(outside, families)
        models.append(outside.fit(family))
        for g in np.unique(group[fold == k]):
            rows = (fold == k) & (group == g)
            unseen = models[-1] if g < 0 else table.at((fold != k) & (group != g)).fit(family)
            predicted[rows] = unseen.predict(table.x[rows])
    return Crossed(predicted.clip(0, 1), fold, tuple(models))


def _kind_groups(kinds: NDArray[np.str_]) -> NDArray[np.intp]:
    """Number of a group of kinds that are left out together; -1 of what is not corrupted."""
    names = [name for name in np.unique(kinds) if name != CLEAN]
    number = {name: k % _KIND_GROUPS for k, name in enumerate(names)} | {CLEAN: -1}
    return np.array([number[str(kind)] for kind in kinds], np.intp)
