"""Gradient-boosted trees as numbers: grown by scikit-learn, evaluated here, kept as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TREES, _RATE, _DEPTH = 60, 0.1, 3

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of binary trees; leaves lead to themselves.

    Args:
        base: What the trees' values are added to.
        feature: ``(trees, nodes)``, the figure that a node asks.
        threshold: At most this goes left; infinite at a leaf.
        left: Node on the left.
        right: Node on the right.
        value: Of a node, where the way ends.
        depth: Steps from a root to its farthest leaf.
    """

    base: float
    feature: NDArray[np.intp]
    threshold: Array
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: Array
    depth: int
    family = "trees"

    def predict(self, x: Array) -> Array:
        """Predict ``(n,)`` from figures ``(n, F)``."""
        trees = np.arange(len(self.feature))
        at = np.zeros((len(x), len(trees)), np.intp)
        rows = np.arange(len(x))[:, None]
        for _ in range(self.depth):
            low = x[rows, self.feature[trees, at]] <= self.threshold[trees, at]
            at = np.where(low, self.left[trees, at], self.right[trees, at])
        # one after the other, as they were grown: the same bits as the library's
        total = np.full(len(x), self.base)
        for tree in trees:
            total += self.value[tree, at[:, tree]]
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a leaf's threshold is None."""
        limits = [[v if np.isfinite(v) else None for v in row] for row in self.threshold.tolist()]
        return {
            "family": self.family,
            "base": self.base,
            "feature": self.feature.tolist(),
            "threshold": limits,
            "left": self.left.tolist(),
            "right": self.right.tolist(),
            "value": self.value.tolist(),
            "depth": self.depth,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Trees":
        """Take back what `to_dict` gave."""
        limits = [[np.inf if v is None else v for v in row] for row in facts["threshold"]]
        nodes = [np.asarray(facts[name], np.intp) for name in ("feature", "left", "right")]
        return cls(
            float(facts["base"]), nodes[0], np.asarray(limits, np.float64), nodes[1], nodes[2],
            np.asarray(facts["value"], np.float64), int(facts["depth"]),
        )  # fmt: skip


def fit_trees(x: Array, y: Array, directions: Sequence[int]) -> Trees:
    """Grow trees that rise or fall with every figure as its direction says.

    Example:
        >>> x = np.arange(40.0)[:, None]
        >>> found = fit_trees(x, x[:, 0] / 40, [1])
        >>> bool(found.predict(np.array([[35.0]]))[0] > found.predict(np.array([[5.0]]))[0])
        True
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    grown: Any = HistGradientBoostingRegressor(
        max_iter=_TREES,
        learning_rate=_RATE,
        max_depth=_DEPTH,
        min_samples_leaf=max(5, len(y) // 25),
        l2_regularization=1.0,
        monotonic_cst=list(directions),
        early_stopping=False,
        random_state=0,
    ).fit(x, y)
    parts = [one[0].nodes for one in grown._predictors]
    nodes = max(map(len, parts))
    feature, left, right = (np.zeros((len(parts), nodes), np.intp) for _ in range(3))
    threshold, value = np.full((len(parts), nodes), np.inf), np.zeros((len(parts), nodes))
    for t, part in enumerate(parts):
        own = np.arange(len(part))
        leaf = part["is_leaf"].astype(bool)
        feature[t, own] = np.where(leaf, 0, part["feature_idx"])
        threshold[t, own] = np.where(leaf, np.inf, part["num_threshold"])
        left[t, own] = np.where(leaf, own, part["left"])
        right[t, own] = np.where(leaf, own, part["right"])
        value[t, own] = part["value"]
    base = float(np.ravel(grown._baseline_prediction)[0])
    return Trees(base, feature, threshold, left, right, value, _DEPTH)
