"""A predicted Dice with an interval, from figures that need no truth, calibrated on known cases.

A regression from the figures to the Dice is fitted on one part of the known cases; the others say
how wide the intervals must be (split conformal prediction, Lei et al. 2018, arXiv:1604.04173; for
quantile regression Romano et al. 2019, arXiv:1905.03222). The stated coverage holds for new cases
that are exchangeable with the known ones, whatever the regression: not for another scanner.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segscope.errors import InputError

METHODS = ("isotonic", "quantile")
_FORMAT = 1
_FEWEST_TO_FIT = 5

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class DicePredictor:
    """A fitted predictor; plain numbers, so that it is kept as JSON.

    Args:
        method: ``isotonic`` (of the first figure) or ``quantile`` (linear in all).
        coverage: Share of intervals that hold the true Dice.
        n_fit: Cases that the regression was fitted on.
        n_calibration: Cases that set the width.
        width: What is added on both sides; below 0 where the quantiles alone were too wide.
        knots: Of the isotonic function: places and values.
        centre: Of each figure, subtracted first.
        scale: Of each figure, divided by.
        lines: Of the median, the lower and the upper quantile: slopes, and the offset last.

    Example:
        >>> knots = ((0.0, 1.0), (0.2, 0.8))
        >>> found = DicePredictor("isotonic", 0.9, 20, 20, width=0.1, knots=knots)
        >>> [round(float(value[0]), 3) for value in found.predict([[0.5]])]
        [0.5, 0.4, 0.6]
    """

    method: str
    coverage: float
    n_fit: int
    n_calibration: int
    width: float
    knots: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    lines: tuple[tuple[float, ...], ...] = ()

    def predict(self, features: ArrayLike) -> tuple[Vector, Vector, Vector]:
        """Predict Dice and the ends of its interval, within 0 and 1.

        Args:
            features: ``(n, F)``, the figures in the order of fitting; isotonic reads the first.

        Returns:
            Three arrays ``(n,)``: predicted, lower, upper, with lower <= predicted <= upper.

        Raises:
            ValueError: Another shape than in fitting; values that are not finite.
        """
        x = _matrix(features)
        if self.method == "quantile" and x.shape[1] != len(self.centre):
            raise ValueError(
                f"features must hold the {len(self.centre)} figures of fitting, got {x.shape[1]}"
            )
        middle, lower, upper = self._raw(x)
        # a width below 0 may take an end past the prediction; to hold it there only widens
        lower = np.minimum(lower - self.width, middle)
        upper = np.maximum(upper + self.width, middle)
        return middle.clip(0.0, 1.0), lower.clip(0.0, 1.0), upper.clip(0.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` takes them back."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Take back what `to_dict` gave.

        Raises:
            ValueError: Another format; values that are missing or unknown.
        """
        if facts.get("format") != _FORMAT:
            raise ValueError(f"format {facts.get('format')!r} where {_FORMAT} is expected")
        values = {name: value for name, value in facts.items() if name != "format"}
        expected = {field.name for field in fields(cls)}
        if odd := expected ^ values.keys():
            raise ValueError(
                f"a predictor's record must hold {', '.join(sorted(expected))} alone; missing or "
                f"unknown: {', '.join(sorted(odd))}"
            )
        _check_method(values["method"])
        for name in ("knots", "lines"):
            values[name] = tuple(tuple(part) for part in values[name])
        for name in ("centre", "scale"):
            values[name] = tuple(values[name])
        return cls(**values)

    def _raw(self, x: Vector) -> tuple[Vector, Vector, Vector]:
        if self.method == "isotonic":
            middle = np.interp(x[:, 0], *self.knots)
            return middle, middle, middle
        scaled = (x - np.array(self.centre)) / np.array(self.scale)
        middle, lower, upper = (scaled @ np.array(line[:-1]) + line[-1] for line in self.lines)
        return middle, np.minimum(lower, middle), np.maximum(upper, middle)


def fit_dice_predictor(
    features: ArrayLike,
    dice: ArrayLike,
    *,
    coverage: float = 0.9,
    method: str = "isotonic",
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> DicePredictor:
    """Fit a predictor of the Dice on cases whose truth is known.

    Args:
        features: ``(n, F)``: figures of quality per case, mu first.
        dice: ``(n,)``, within 0 and 1.
        coverage: Share of intervals that shall hold the true Dice.
        method: ``isotonic``: a rising function of the first figure; ``quantile``: linear quantile
            regression on all of them.
        seed: Decides which cases fit and which set the width.
        groups: Subject of each case; subjects stay together.

    Raises:
        InputError: Too few cases for this coverage.
        ValueError: Shapes, an unknown method, values that are not finite, a Dice beyond 0 and 1.

    Example:
        >>> mu = np.linspace(0, 1, 40)
        >>> found = fit_dice_predictor(mu[:, None], mu)
        >>> bool(abs(found.predict([[0.5]])[0][0] - 0.5) < 0.05)
        True
    """
    if not np.size(dice):
        raise InputError("no case with a known Dice to calibrate on; take cases that have a truth")
    x, y = _matrix(features), np.asarray(dice, np.float64)
    _check_dice(y, len(x))
    _check_method(method)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {coverage}")
    fitting = _halves(len(x), groups, seed)
    rank = math.ceil((int((~fitting).sum()) + 1) * coverage - 1e-9)
    if rank > (~fitting).sum() or fitting.sum() < _FEWEST_TO_FIT:
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise InputError(
            f"too few cases for intervals that hold {100 * coverage:g} % of the true Dice: "
            f"{int(fitting.sum())} to fit and {int((~fitting).sum())} to calibrate, at least "
            f"{_FEWEST_TO_FIT} and {needed} are needed; take more cases or a lower coverage"
        )
    fit = _fit_isotonic if method == "isotonic" else _fit_quantile
    shape = fit(x[fitting], y[fitting], coverage)
    n_fit, n_calibration = int(fitting.sum()), int((~fitting).sum())
    plain = DicePredictor(method, coverage, n_fit, n_calibration, width=0.0, **shape)
    _, lower, upper = plain._raw(x[~fitting])
    outside = np.maximum(lower - y[~fitting], y[~fitting] - upper)
    return replace(plain, width=float(np.sort(outside)[rank - 1]))


def _fit_isotonic(x: Vector, y: Vector, coverage: float) -> dict[str, Any]:
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(x[:, 0], y)
    return {"knots": (tuple(found.X_thresholds_.tolist()), tuple(found.y_thresholds_.tolist()))}


def _fit_quantile(x: Vector, y: Vector, coverage: float) -> dict[str, Any]:
    from sklearn.linear_model import QuantileRegressor

    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    lines = []
    for quantile in (0.5, (1 - coverage) / 2, (1 + coverage) / 2):
        found = QuantileRegressor(quantile=quantile, alpha=1e-3).fit((x - centre) / scale, y)
        lines.append((*found.coef_.tolist(), float(found.intercept_)))
    return {
        "centre": tuple(centre.tolist()),
        "scale": tuple(scale.tolist()),
        "lines": tuple(lines),
    }


def _halves(n: int, groups: Sequence[str] | None, seed: int) -> NDArray[np.bool_]:
    """Choose about half of the cases, whole groups at a time."""
    names = np.arange(n).astype(str) if groups is None else np.asarray(groups, dtype=str)
    if len(names) != n:
        raise ValueError(f"groups must name all {n} cases, got {len(names)}")
    order = np.random.default_rng(seed).permutation(np.unique(names))
    chosen = np.zeros(n, bool)
    for name in order:
        if chosen.sum() >= n // 2:
            break
        chosen |= names == name
    return chosen


def _matrix(features: ArrayLike) -> Vector:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not x.shape[1]:
        raise ValueError(f"features must be (n, F), got {x.shape}")
    if bad := int((~np.isfinite(x)).any(1).sum()):
        raise ValueError(f"features: {bad} of {len(x)} cases are not finite; leave them out")
    return x


def _check_dice(dice: Vector, n: int) -> None:
    if dice.shape != (n,):
        raise ValueError(f"dice must be ({n},) as features has {n} cases, got {dice.shape}")
    if bad := int((~np.isfinite(dice)).sum()):
        raise ValueError(f"dice: {bad} of {n} values are not finite; leave these cases out")
    if dice.min() < -1e-9 or dice.max() > 1 + 1e-9:
        raise ValueError(
            f"dice must lie within 0 and 1, got {dice.min():g} to {dice.max():g}; divide percent "
            "by 100"
        )


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
