"""How well images are classified, with bootstrap intervals.

Undefined is ``nan``: a sensitivity without a positive case, an AUC without both classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A value, and the middle 95 % of it over samples drawn with replacement.

    Args:
        value: Of all cases.
        lower: 2.5th percentile; ``nan`` where fewer than two samples define it.
        upper: 97.5th percentile.
    """

    value: float
    lower: float
    upper: float


def auc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: the share of pairs that the score puts in order; ties count half.

    Args:
        truth: ``(n,)``, true where positive.
        score: ``(n,)``, higher for positive.

    Raises:
        ValueError: Shapes that differ, or scores that are not finite.

    Example:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    positive, values = np.asarray(truth, bool), np.asarray(score, np.float64)
    if positive.shape != values.shape or positive.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"truth and score must be (n,) and finite, got {positive.shape} and {values.shape}"
        )
    return _auc(positive, values)


def classification_scores(
    truth: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """Accuracy; AUC, sensitivity and specificity of each class against the others.

    For two classes the second is the positive one, and the names are plain (``auc``); for more
    they are followed by the class (``auc of benign``).

    Args:
        truth: ``(n,)`` class numbers.
        probabilities: ``(n, K)``; the largest decides.
        classes: Names of the K classes.
        groups: Drawn together, where one subject has several cases.
        seed: Of the bootstrap.

    Raises:
        ValueError: Shapes or class numbers that do not fit.

    Example:
        >>> found = classification_scores([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], "ab")
        >>> {name: round(i.value, 2) for name, i in found.items()}
        {'accuracy': 0.67, 'auc': 1.0, 'sensitivity': 0.5, 'specificity': 1.0}
    """
    y, p = np.asarray(truth, np.intp), np.asarray(probabilities, np.float64)
    if y.ndim != 1 or not len(y) or p.shape != (len(y), len(classes)) or len(classes) < 2:
        raise ValueError(
            f"truth must be (n,) and probabilities (n, {len(classes)}) with at least two classes "
            f"and one case, got {y.shape} and {p.shape}"
        )
    if y.min() < 0 or y.max() >= len(classes) or not np.isfinite(p).all():
        raise ValueError(f"truth must be class numbers below {len(classes)}, probabilities finite")
    whole = _scores(y, p, classes)
    draws: dict[str, list[float]] = {name: [] for name in whole}
    random = np.random.default_rng(seed)
    members = _members(groups, len(y))
    for _ in range(_DRAWS):
        drawn = random.integers(len(members), size=len(members))
        chosen = np.concatenate([members[k] for k in drawn])
        for name, value in _scores(y[chosen], p[chosen], classes).items():
            draws[name].append(value)
    return {name: _interval(value, draws[name]) for name, value in whole.items()}


def _scores(y: NDArray[np.intp], p: Numbers, classes: Sequence[str]) -> dict[str, float]:
    found = p.argmax(1)
    scores = {"accuracy": float((found == y).mean())}
    for k, name in list(enumerate(classes))[1 if len(classes) == 2 else 0 :]:
        end = "" if len(classes) == 2 else f" of {name}"
        positive, said = y == k, found == k
        scores[f"auc{end}"] = _auc(positive, p[:, k])
        scores[f"sensitivity{end}"] = _share(said[positive])
        scores[f"specificity{end}"] = _share(~said[~positive])
    return scores


def _auc(positive: NDArray[np.bool_], values: Numbers) -> float:
    count = int(positive.sum())
    rest = len(positive) - count
    if not count or not rest:
        return float("nan")
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # tied values share their mean rank
    return float((ranks[places][positive].sum() - count * (count + 1) / 2) / (count * rest))


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _members(groups: Sequence[str] | None, n: int) -> list[NDArray[np.intp]]:
    if groups is None:
        return [np.array([k]) for k in range(n)]
    if len(groups) != n:
        raise ValueError(f"groups must be one per case ({n}), got {len(groups)}")
    found: Mapping[str, list[int]] = {group: [] for group in groups}
    for k, group in enumerate(groups):
        found[group].append(k)
    return [np.array(members) for members in found.values()]


def _interval(value: float, draws: Sequence[float]) -> Interval:
    known = [draw for draw in draws if draw == draw]
    if len(known) < 2:
        return Interval(value, float("nan"), float("nan"))
    lower, upper = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(lower), float(upper))
