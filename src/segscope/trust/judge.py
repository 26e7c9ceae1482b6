"""From figures to a verdict: accept, look or redo, with reasons in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from segscope.inference import FAR, Verdict
from segscope.trust.attribution import attributions
from segscope.trust.figures import FIGURES, MEAN
from segscope.trust.guarantee import Guarantee, Promise, find_guarantee
from segscope.trust.lesions import Lesion, LesionModel
from segscope.trust.predictor import Predicted, Predictor
from segscope.trust.reference import Reference

Word = Literal["accept", "look", "redo"]

_REASONS = 3
_LESIONS = 50
_MOVED = 0.005  # a figure that moved the prediction by less is no reason

UNLIKE = "unlike training: its features lie beyond those of the cases that were learned from"
EMPTY = "nothing was predicted"


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges cases by what a run has learned of its own predictions.

    Args:
        reference: What training cases were like; None where nothing is known.
        predictors: Of the mean and of every label; empty where only the order is known.
        why: Why there is no predictor.
        key: Identifies all this.
        temperature: Of the network's probabilities.
        promise: What "good" means.
        lesions: Says how likely a predicted component is true.
    """

    reference: Reference | None = None
    predictors: Mapping[str, Predictor] = field(default_factory=dict)
    why: str = ""
    key: str = ""
    temperature: float = 1.0
    promise: Promise = field(default_factory=Promise)
    lesions: LesionModel | None = None

    @property
    def guarantee(self) -> Guarantee | None:
        """What can be promised of the mean; None without a predictor."""
        mean = self.predictors.get(MEAN)
        return None if mean is None else find_guarantee(mean.scores, mean.dice, self.promise)

    def case(
        self, figures: Mapping[str, Mapping[str, float]], seen: Verdict, *, empty: bool
    ) -> dict[str, Any]:
        """Judge a case.

        Args:
            figures: Of the mean and of every label.
            seen: How far the image's file lies from what was trained on.
            empty: Nothing was predicted.

        Returns:
            Plain values: ``scores``, ``predicted_dice``, ``lower``, ``upper`` (None where nothing
            backs them), ``verdict``, ``reasons``, ``labels``.
        """
        found = {name: self._predict(name, own) for name, own in figures.items()}
        mean = found[MEAN]
        unlike = seen.level == FAR or (mean is not None and mean.withdrawn)
        backed = {name: None if unlike else one for name, one in found.items()}
        word, reasons = self._verdict(figures[MEAN], mean, seen, empty=empty)
        labels = {
            name: {"scores": _plain(own), **_numbers(backed[name])}
            for name, own in figures.items()
            if name != MEAN
        }
        return {
            **_numbers(backed[MEAN]),
            "verdict": word,
            "unlike_training": unlike or (mean is not None and mean.unlike),
            "reasons": reasons,
            "scores": _plain(figures[MEAN]),
            "labels": labels,
        }

    def of_lesions(self, lesions: Sequence[Lesion]) -> list[dict[str, Any]]:
        """Say how likely each component is true, the least likely first; at most 50."""
        if self.lesions is None:
            return []
        rows: list[dict[str, Any]] = [
            {
                "label": one.label,
                "voxels": one.voxels,
                "centre": [round(v, 1) for v in one.centre],
                "confidence": round(self.lesions.confidence(one), 4),
            }
            for one in lesions
        ]
        return sorted(rows, key=lambda row: row["confidence"])[:_LESIONS]

    def _predict(self, name: str, figures: Mapping[str, float]) -> Predicted | None:
        predictor = self.predictors.get(name)
        if predictor is None or not all(math.isfinite(v) for v in figures.values()):
            return None
        return predictor.predict(figures)

    def _verdict(
        self,
        figures: Mapping[str, float],
        found: Predicted | None,
        seen: Verdict,
        *,
        empty: bool,
    ) -> tuple[Word, list[str]]:
        outside = (
            [f"{seen.level} of what was trained on: {seen.reasons[0].said}"]
            if (seen.reasons)
            else []
        )
        if empty:
            return "redo", [EMPTY, *outside][:_REASONS]
        if found is None:
            odd = [name for name, value in figures.items() if not math.isfinite(value)]
            why = f"{odd[0]} is not finite" if odd else self.why
            return "look", [*outside, f"no Dice is predicted: {why}"][:_REASONS]
        unlike = [UNLIKE] if found.unlike else []
        word = self._word(found, shifted=bool(unlike or outside))
        said = [] if word == "accept" else self._moved(figures) or [self._short(found)]
        return word, [*outside, *unlike, *said][:_REASONS]

    def _short(self, found: Predicted) -> str:
        """What an accepted case would have, where no figure stands out."""
        promised = self.guarantee
        if promised is None or promised.threshold is None:
            return f"a Dice as low as {found.lower:.2f} cannot be ruled out"
        return (
            f"the predicted Dice is not above {promised.threshold:.2f}, from where it is promised"
        )

    def _word(self, found: Predicted, *, shifted: bool) -> Word:
        if found.withdrawn:
            return "look"
        if found.upper < self.promise.good:
            return "redo"
        promised = self.guarantee
        limit = None if promised is None else promised.threshold
        sure = found.lower >= self.promise.good if limit is None else found.dice > limit
        return "accept" if sure and not shifted else "look"

    def _moved(self, figures: Mapping[str, float]) -> list[str]:
        """What drew the prediction down, most first."""
        predictor = self.predictors[MEAN]
        x, usual = predictor.vector(figures), np.array(predictor.usual)
        shares = attributions(predictor.model, x, usual)
        order = np.argsort(shares)
        return [
            f"{FIGURES[predictor.figures[k]].said} "
            f"({predictor.figures[k]} {x[k]:.2f}, usually {usual[k]:.2f})"
            for k in order
            if shares[k] < -_MOVED
        ]


def _numbers(found: Predicted | None) -> dict[str, float | None]:
    if found is None:
        return {"predicted_dice": None, "lower": None, "upper": None}
    return {
        "predicted_dice": round(found.dice, 4),
        "lower": round(found.lower, 4),
        "upper": round(found.upper, 4),
    }


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {n: round(v, 5) if math.isfinite(v) else None for n, v in figures.items()}
