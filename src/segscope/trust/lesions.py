"""How likely each predicted component is a true lesion."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images.components import label_components
from segscope.trust.choose import FOLDS, assign_folds

_FEWEST = 20
_SURE = 0.8
_PENALTY, _STEPS = 1.0, 50

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lesion:
    """A component of a predicted label.

    Args:
        label: Of its voxels.
        voxels: How many.
        mean_p: Mean probability of the label in it.
        max_p: Largest.
        sure: Share of it whose probability is above 0.8.
        centre: In voxels of the grid that the network works on.
        where: Box around it.
        mask: Of it within the box.
    """

    label: int
    voxels: int
    mean_p: float
    max_p: float
    sure: float
    centre: tuple[float, ...]
    where: tuple[slice, ...] = ()
    mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def figures(self) -> Array:
        """What its confidence is made of; all are higher for truer ones."""
        return np.array([np.log(self.voxels), self.mean_p, self.max_p, self.sure])

    def without_mask(self) -> "Lesion":
        """Leave the voxels out."""
        return replace(self, where=(), mask=np.zeros(0, bool))


def find_lesions(labels: NDArray[np.integer[Any]], peak: NDArray[np.floating[Any]]) -> list[Lesion]:
    """Find the components of every foreground label.

    Args:
        labels: ``(*P)``.
        peak: ``(*P)``, probability of each voxel's label.

    Example:
        >>> found = find_lesions(np.array([1, 1, 0, 1]), np.array([0.9, 0.7, 1.0, 0.6]))
        >>> [(one.voxels, round(one.mean_p, 3), one.sure) for one in found]
        [(2, 0.8, 0.5), (1, 0.6, 0.0)]
    """
    found = []
    for value, outer in enumerate(ndimage.find_objects(labels.astype(np.int32)), 1):
        if outer is None:
            continue
        numbered, _ = label_components(labels[outer] == value)
        for number, inner in enumerate(ndimage.find_objects(numbered), 1):
            box = tuple(
                slice(o.start + i.start, o.start + i.stop)
                for o, i in zip(outer, inner, strict=True)
            )
            mask = numbered[inner] == number
            found.append(_lesion(value, box, mask, peak[box][mask].astype(np.float64)))
    return found


def _lesion(value: int, box: tuple[slice, ...], mask: NDArray[np.bool_], p: Array) -> Lesion:
    places = np.argwhere(mask).mean(0) + [part.start for part in box]
    return Lesion(
        value, len(p), float(p.mean()), float(p.max()), float((p > _SURE).mean()),
        tuple(places.tolist()), box, mask,
    )  # fmt: skip


@dataclass(frozen=True)
class LesionModel:
    """Logistic regression on a lesion's figures, no weight below 0.

    Args:
        weights: One per figure.
        offset: Added.
        auroc: Of lesions of other subjects than those that were learned from.
        known: Lesions that were learned from.
        true: Of these, how many were true.
    """

    weights: tuple[float, ...]
    offset: float
    auroc: float
    known: int
    true: int

    def confidence(self, lesion: Lesion) -> float:
        """Probability that the lesion is true, that is, touches one of the truth."""
        score = float(np.dot(self.weights, lesion.figures())) + self.offset
        return float(1 / (1 + np.exp(-score)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "LesionModel":
        """Take back what `to_dict` gave."""
        return cls(**{**facts, "weights": tuple(facts["weights"])})


def fit_lesions(
    lesions: Sequence[Lesion], true: Sequence[bool], subjects: Sequence[str]
) -> LesionModel | None:
    """Learn which predicted lesions are true; None of fewer than 20, or of one kind alone.

    Args:
        lesions: Of cases that did not train.
        true: Whether each touches a lesion of the truth.
        subjects: Whose each is; lesions of a subject are tested together.
    """
    y = np.asarray(true, bool)
    if len(y) < _FEWEST or y.all() or not y.any():
        return None
    x = np.array([one.figures() for one in lesions])
    fold = assign_folds(subjects, FOLDS, 0)
    scores = np.full(len(y), np.nan)
    for k in range(FOLDS):
        rest = fold != k
        if (fold == k).any() and rest.any():
            weights, offset = _logistic(x[rest], y[rest])
            scores[fold == k] = x[fold == k] @ weights + offset
    weights, offset = _logistic(x, y)
    known = np.isfinite(scores)
    area = auroc(scores[known], y[known])
    return LesionModel(tuple(weights.tolist()), offset, area, len(y), int(y.sum()))


def auroc(scores: Array, positive: NDArray[np.bool_]) -> float:
    """Share of pairs in which the positive one scores higher; ties count half; nan of one kind.

    Example:
        >>> auroc(np.array([0.9, 0.4, 0.4]), np.array([True, True, False]))
        0.75
    """
    from scipy.stats import rankdata

    ups = int(positive.sum())
    downs = len(positive) - ups
    if not ups or not downs:
        return float("nan")
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - ups * (ups + 1) / 2) / (ups * downs))


def _logistic(x: Array, y: NDArray[np.bool_]) -> tuple[Array, float]:
    """Ridge-penalised logistic regression with weights of at least 0, by a bounded minimiser."""
    from scipy.optimize import minimize

    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    z = np.hstack([(x - centre) / scale, np.ones((len(x), 1))])
    sign = np.where(y, 1.0, -1.0)

    def loss(w: Array) -> tuple[float, Array]:
        margin = sign * (z @ w)
        pull = np.append(w[:-1], 0.0) * _PENALTY
        slope = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        value = np.logaddexp(0, -margin).sum() + 0.5 * (pull * w).sum()
        return float(value), z.T @ slope + pull

    bounds = [(0.0, None)] * x.shape[1] + [(None, None)]
    found = minimize(
        loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": _STEPS},
    ).x  # fmt: skip
    weights = found[:-1] / scale
    return weights, float(found[-1] - centre @ weights)
