"""How far a case's features lie from those of the training cases."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_COMPONENTS = 16
_NEIGHBOURS = 3
_FEWEST = 8

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureReference:
    """Pooled features of the training cases, as far as distances need them.

    The covariance of the standardised features is shrunk (Ledoit and Wolf 2004): its largest
    directions are kept as they are, all others have their mean variance.

    Args:
        centre: Of each feature.
        scale: Of each feature.
        axes: ``(components, features)``, orthonormal.
        variances: Along these, and last that of all other directions.
        known: ``(cases, components)``, the training cases along the axes.
        typical: Median over the training cases of the distance to the centre, and to the nearest
            others.
    """

    centre: Array
    scale: Array
    axes: Array
    variances: Array
    known: Array
    typical: tuple[float, float]

    def mahalanobis(self, features: ArrayLike) -> float:
        """Distance to the centre by the shrunk covariance, over the root of the features' number.

        Raises:
            ValueError: Another number of features.
        """
        along, rest = self._split(features)
        total = (along**2 / self.variances[:-1]).sum() + rest / self.variances[-1]
        return float(np.sqrt(total / len(self.centre)))

    def neighbours(self, features: ArrayLike) -> float:
        """Mean distance to the three nearest training cases, along the axes."""
        along, _ = self._split(features)
        apart = np.sqrt((((self.known - along) ** 2) / self.variances[:-1]).sum(1))
        return float(np.sort(apart)[:_NEIGHBOURS].mean())

    def shift(self, features: ArrayLike) -> float:
        """The larger of both distances, each over what is typical of training cases: about 1.

        Features that are not finite are infinitely far.
        """
        x = np.asarray(features, np.float64)
        if not np.isfinite(x).all():
            return float("inf")
        return max(self.mahalanobis(x) / self.typical[0], self.neighbours(x) / self.typical[1])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, six digits of each."""
        arrays = {n: v for n, v in asdict(self).items() if n != "typical"}
        plain = {name: _rounded(value) for name, value in arrays.items()}
        return {**plain, "typical": list(self.typical)}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "FeatureReference":
        """Take back what `to_dict` gave."""
        names = ("centre", "scale", "axes", "variances", "known")
        arrays = {name: np.asarray(facts[name], np.float64) for name in names}
        return cls(**arrays, typical=(float(facts["typical"][0]), float(facts["typical"][1])))

    def _split(self, features: ArrayLike) -> tuple[Array, float]:
        x = np.asarray(features, np.float64)
        if x.shape != self.centre.shape:
            raise ValueError(f"features must be {self.centre.shape}, got {x.shape}")
        z = (x - self.centre) / self.scale
        along: Array = self.axes @ z
        return along, max(0.0, float(z @ z - along @ along))


def feature_reference(features: ArrayLike) -> FeatureReference | None:
    """Learn from the training cases' features ``(cases, features)``; None below eight cases.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 4))
        >>> found = feature_reference(x)
        >>> found.shift(x[0]) < 3 < found.shift([9, 9, 9, 9])
        True
    """
    x = np.asarray(features, np.float64)
    x = x[np.isfinite(x).all(1)] if x.ndim == 2 else x.reshape(0, 1)
    if len(x) < _FEWEST:
        return None
    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 1e-6 * np.abs(centre).clip(1e-6), scale, np.inf)  # constant: unseen
    scale = np.where(np.isfinite(scale), scale, 1.0)
    z = (x - centre) / scale
    _, singular, axes = np.linalg.svd(z, full_matrices=False)
    shrinkage = ledoit_wolf_shrinkage(z)
    eigen = singular**2 / len(z)
    mean = eigen.sum() / z.shape[1]
    count = min(_COMPONENTS, len(eigen), z.shape[1] - 1 if z.shape[1] > 1 else 1)
    others = z.shape[1] - count
    rest = eigen[count:].sum() / others if others else mean
    kept = (1 - shrinkage) * np.append(eigen[:count], rest) + shrinkage * mean
    kept = kept.clip(1e-9)
    known = z @ axes[:count].T
    found = FeatureReference(centre, scale, axes[:count], kept, known, (1.0, 1.0))
    return FeatureReference(centre, scale, axes[:count], kept, known, _typical(found, x))


def ledoit_wolf_shrinkage(z: Array) -> float:
    """How far a covariance of centred data is drawn towards a multiple of the identity.

    Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices",
    by the Gram matrix: cases are few, features many.
    """
    n, p = z.shape
    gram = z @ z.T / p
    squares = np.diag(gram)
    mean = squares.mean()
    spread = (gram**2).sum() * p / n**2 - mean**2  # of the eigenvalues around their mean, over p
    noise = ((squares**2).mean() * p - (gram**2).sum() * p / n**2) / n
    if spread <= 0:
        return 1.0
    return float(np.clip(noise / spread, 0, 1))


def _typical(found: FeatureReference, x: Array) -> tuple[float, float]:
    far = float(np.median([found.mahalanobis(row) for row in x]))
    z = found.known / np.sqrt(found.variances[:-1])
    apart = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
    near = np.sort(apart, 1)[:, 1 : 1 + _NEIGHBOURS].mean(1)  # the first is the case itself
    return max(far, 1e-6), max(float(np.median(near)), 1e-6)


def _rounded(values: Array) -> Any:
    exact = np.asarray(values, np.float64)
    return np.array([float(f"{v:.6g}") for v in exact.ravel()]).reshape(exact.shape).tolist()
