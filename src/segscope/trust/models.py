"""Three regressions from figures to a Dice, from the simplest to the richest; plain numbers each.

All rise with a figure whose direction is 1 and fall with one whose direction is -1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.trust.trees import Trees, fit_trees

Array = NDArray[np.float64]

_PENALTY = 1.0  # of the ridge, in cases


class Model(Protocol):
    """A fitted regression."""

    @property
    def family(self) -> str:
        """Its name in `FAMILIES`."""

    def predict(self, x: Array) -> Array:
        """Predict ``(n,)`` from figures ``(n, F)``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""


@dataclass(frozen=True)
class Isotonic:
    """A rising function of the first figure alone.

    Args:
        places: Knots along the figure.
        values: At the knots; linear between, constant beyond.
    """

    places: tuple[float, ...]
    values: tuple[float, ...]
    family = "isotonic"

    def predict(self, x: Array) -> Array:
        """Predict ``(n,)`` from figures ``(n, F)``."""
        return np.interp(x[:, 0], self.places, self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"family": self.family, **asdict(self)}


@dataclass(frozen=True)
class Ridge:
    """A sum of weighted figures, no weight against its figure's direction.

    Args:
        weights: One per figure.
        offset: Added.
    """

    weights: tuple[float, ...]
    offset: float
    family = "ridge"

    def predict(self, x: Array) -> Array:
        """Predict ``(n,)`` from figures ``(n, F)``."""
        found: Array = x @ np.array(self.weights) + self.offset
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"family": self.family, **asdict(self)}


def fit_isotonic(x: Array, y: Array, directions: Sequence[int]) -> Isotonic:
    """Fit a rising function of the first figure.

    Example:
        >>> fit_isotonic(np.array([[0.0], [1.0]]), np.array([0.2, 0.6]), [1]).values
        (0.2, 0.6)
    """
    from sklearn.isotonic import IsotonicRegression

    if directions[0] != 1:
        raise ValueError("the first figure must be one that is higher for better predictions")
    found = IsotonicRegression(out_of_bounds="clip").fit(x[:, 0], y)
    return Isotonic(tuple(found.X_thresholds_.tolist()), tuple(found.y_thresholds_.tolist()))


def fit_ridge(x: Array, y: Array, directions: Sequence[int]) -> Ridge:
    """Fit non-negative ridge regression on standardised figures, by one least-squares problem.

    Example:
        >>> x = np.array([[0.0, 5.0], [1.0, 3.0], [2.0, 4.0]])
        >>> found = fit_ridge(x, x[:, 0] / 4, [1, -1])
        >>> found.weights[0] > 0 >= found.weights[1]
        True
    """
    from scipy.optimize import nnls

    signs = np.array(directions, np.float64)
    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (x - centre) / scale * signs
    wide = np.vstack([z, np.sqrt(_PENALTY) * np.eye(z.shape[1])])
    weights, _ = nnls(wide, np.concatenate([y - y.mean(), np.zeros(z.shape[1])]))
    weights = weights * signs / scale
    return Ridge(tuple(weights.tolist()), float(y.mean() - centre @ weights))


FAMILIES: dict[str, Callable[[Array, Array, Sequence[int]], Model]] = {
    "isotonic": fit_isotonic,
    "ridge": fit_ridge,
    "trees": fit_trees,
}
"""From the simplest to the richest."""


def model_from(facts: Mapping[str, Any]) -> Model:
    """Take back what a model's `to_dict` gave.

    Raises:
        ValueError: Of no family.

    Example:
        >>> model_from(Ridge((0.5,), 0.1).to_dict()).predict(np.array([[1.0]])).tolist()
        [0.6]
    """
    family = facts.get("family")
    if family == "isotonic":
        return Isotonic(tuple(facts["places"]), tuple(facts["values"]))
    if family == "ridge":
        return Ridge(tuple(facts["weights"]), float(facts["offset"]))
    if family == "trees":
        return Trees.from_dict(facts)
    raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
